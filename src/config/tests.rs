use std::path::PathBuf;
use std::time::Duration;

use super::{Arguments, Command, Config, DEFAULT};
use crate::pattern::rules::Action;
use crate::realm::{KilledByRole, RegistrationMatch, TimeoutUnit};
use crate::session::StrictIds;
use crate::shard::outbox::SlowConsumer;
use crate::shard::placement::Entry;
use crate::transport::listener::Address;
use crate::wamp::Policy::{self, Exact, Prefix};
use crate::wamp::uri::Strictness;

const REALM: &str = "[[realm]]\nname = \"a.b\"\n";

fn wrong(text: &str) -> String {
    Config::parse("test.toml", text).unwrap_err().to_string()
}

fn arguments(words: &[&str]) -> Result<Arguments, super::Error> {
    Arguments::parse(words.iter().map(|word| word.into()))
}

/// The embedded text says what the code takes for granted where a key is missing.
#[test]
fn the_default_configuration_is_what_empty_tables_mean() {
    let written = Config::default_config().unwrap();
    let realm = DEFAULT.find("[[realm]]").unwrap();
    let implied = Config::parse("test.toml", "[[realm]]\nname = \"realm1\"\n").unwrap();
    let (mut a, mut b) = (written.clone(), implied);
    assert_eq!(a.realms.len(), 1);
    let (written_realm, implied_realm) = (a.realms.remove(0), b.realms.remove(0));
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    let show = |mut entry: crate::shard::placement::Entry| {
        entry.options.roles.clear();
        entry.methods.anonymous = None;
        format!("{entry:?}")
    };
    assert_eq!(show(written_realm), show(implied_realm));
    assert!(!DEFAULT[..realm].contains("realm1"));
}

/// What the first start promises: realm1, open to anonymous clients, privileged procedures by name.
#[test]
fn the_default_realm_allows_everything_and_names_what_is_privileged() {
    let config = Config::default_config().unwrap();
    let entry = &config.realms[0];
    assert_eq!(entry.options.name, "realm1");
    let role = entry.methods.anonymous.as_deref().unwrap();
    let rules = &entry.options.roles[role];
    for action in [Action::Call, Action::Register, Action::Subscribe, Action::Publish] {
        let verdict = rules.judge(action, "com.example", Exact);
        assert!(verdict.allowed && !verdict.explicit);
    }
    assert!(rules.judge(Action::Subscribe, "", Prefix).allowed);
    for privileged in ["wamp.registration.remove_callee", "wamp.session.kill_all", "wamp.session.kill"] {
        let verdict = rules.judge(Action::Call, privileged, Exact);
        assert!(verdict.allowed && verdict.explicit, "{privileged}");
    }
}

#[test]
fn a_mistake_is_told_with_file_line_and_key() {
    let cases = [
        ("[server]\nlisten = [\"127.0.0.1\"]\n", "test.toml, line 2: listen: `127.0.0.1` is neither"),
        ("\n[server]\nlog = \"loud\"\n", "test.toml, line 3: log: `loud` is none of error"),
        ("[server]\nworker = 2\n", "test.toml, line 2: there is no key `worker` here; did you mean `workers`?"),
        ("[limits]\nmessage_bytes = 1\n", "test.toml, line 2: message_bytes must be from 512 to 16777216"),
        ("[limits]\nnesting = \"x\"\n", "test.toml, line 2: nesting: invalid type"),
        ("[server]\nworkers = -1\n", "test.toml, line 2: workers: invalid value"),
        ("[limits]\nhello_seconds = 9223372036854775807\n", "test.toml, line 2: hello_seconds must be from 0 to"),
        ("[tcp]\nkeepalive_seconds = 32768\n", "test.toml, line 2: keepalive_seconds must be from 0 to 32767"),
        ("[limits]\nqueued_bytes = 1\n", "test.toml, line 2: queued_bytes must be from 16777216 to"),
        ("[server]\nlisten = []\n", "test.toml: server.listen names no address"),
        ("", "test.toml: no [[realm]] is configured"),
        ("a = \n", "test.toml, line 1: "),
    ];
    for (text, expected) in cases {
        let said = wrong(text);
        assert!(said.starts_with(expected), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn realms_and_roles_are_checked() {
    let twice = format!("{REALM}{REALM}");
    assert_eq!(wrong(&twice), "test.toml, line 4: realm `a.b` is configured twice");
    assert_eq!(wrong(&format!("{REALM}anonymous = \"x\"\n")), "test.toml, line 3: realm `a.b` has no role `x`");
    assert!(wrong("[[realm]]\nname = \"a b\"\n").contains("line 2: `a b` is no URI"));
    let rule = format!("{REALM}[[realm.role]]\nname = \"r\"\n[[realm.role.rule]]\nuri = \"a b\"\n");
    assert_eq!(wrong(&rule), "test.toml, line 6: `a b` is no valid URI for match = \"exact\"");
}

/// AZN-5, AZN-6.
#[test]
fn rules_are_read_with_match_or_stars() {
    let text = format!(
        "{REALM}[[realm.role]]\nname = \"r\"\n\
         [[realm.role.rule]]\nuri = \"com.*.get\"\nallow = [\"call\"]\ndisclose = {{ caller = true }}\n\
         [[realm.role.rule]]\nuri = \"org\"\nmatch = \"prefix\"\nallow = [\"publish\"]\n"
    );
    let config = Config::parse("test.toml", &text).unwrap();
    let rules = &config.realms[0].options.roles["r"];
    let verdict = rules.judge(Action::Call, "com.x.get", Exact);
    assert!(verdict.allowed && verdict.disclose);
    assert!(!rules.judge(Action::Publish, "com.x.get", Exact).allowed);
    assert!(rules.judge(Action::Publish, "organ", Policy::Prefix).allowed);
}

/// D-10, D-12, D-15, D-19, D-20, D-23, D-36, D-48, SIZ-6, SIZ-7, URI-5: every switch of a realm, away from its default.
#[test]
fn the_switches_of_a_realm_are_read() {
    let text = format!(
        "{REALM}registration_match = \"best\"\nstrict_ids = \"off\"\nuri_check = \"strict\"\n\
         meta_event_kwargs = false\nmeta_visibility = true\nallow_disclose_me = false\ndisclose_callee = true\n\
         notify_unsubscribed = false\nprogress_requires_cancel = true\ntimeout_unit = \"s\"\n\
         pattern_authorization = \"literal\"\ncompat_on_leave = true\nkill_by_authrole = \"count\"\n\
         [realm.limits]\nregistrations = 1\nsubscriptions = 2\ncalls = 3\ninvocations = 4\nregistrations_in_all = 7\n\
         subscriptions_in_all = 8\ncalls_in_all = 9\nuri_bytes = 5\n\
         uri_components = 6\nqueue_bytes = 70000\nslow_consumer = \"drop\"\n\
         [[realm.role]]\nname = \"r\"\n[[realm.role.rule]]\nuri = \"com.x\"\nallow = [\"subscribe\"]\n"
    );
    let config = Config::parse("test.toml", &text).unwrap();
    let Entry { options, strict_ids, queue_bytes, slow_consumer, .. } = &config.realms[0];
    assert_eq!(options.registration_match, RegistrationMatch::Best);
    assert_eq!((*strict_ids, options.uris.strictness), (StrictIds::Off, Strictness::Strict));
    assert!(!options.meta_event_kwargs && options.meta_visibility);
    assert!(!options.allow_disclose_me && options.disclose_callee);
    assert!(!options.notify_unsubscribed && options.progress_requires_cancel && options.compat_on_leave);
    assert_eq!((options.timeout_unit, options.kill_by_authrole), (TimeoutUnit::Seconds, KilledByRole::Count));
    assert!(options.roles["r"].judge(Action::Subscribe, "com.x", Prefix).allowed);
    let limits = &options.limits;
    assert_eq!((limits.registrations, limits.subscriptions, limits.calls, limits.invocations), (1, 2, 3, 4));
    assert_eq!((limits.registrations_in_all, limits.subscriptions_in_all, limits.calls_in_all), (7, 8, 9));
    assert_eq!((options.uris.max_length, options.uris.max_components), (5, 6));
    assert_eq!((*queue_bytes, *slow_consumer), (70_000, SlowConsumer::Drop));
}

/// D-01, D-04, D-11, D-20: one switch, and what is said besides it holds.
#[test]
fn conformance_sets_defaults() {
    let literal = Config::parse("test.toml", &format!("{REALM}conformance = true\n")).unwrap();
    assert_eq!(literal.realms[0].options.registration_match, RegistrationMatch::Best);
    assert_eq!(literal.realms[0].strict_ids, StrictIds::Abort);
    assert!(literal.realms[0].options.progress_requires_cancel);
    assert_eq!(literal.realms[0].options.kill_by_authrole, KilledByRole::Count);
    let mixed = format!("{REALM}conformance = true\nstrict_ids = \"off\"\n");
    assert_eq!(Config::parse("test.toml", &mixed).unwrap().realms[0].strict_ids, StrictIds::Off);
}

#[test]
fn arguments_override_the_file() {
    let arguments =
        arguments(&["run", "--listen", "[::1]:0", "--listen=unix:/run/b", "--workers", "3", "--log", "debug"]).unwrap();
    let config = arguments.config().unwrap();
    assert_eq!(config.listen, [Address::Tcp("[::1]:0".parse().unwrap()), Address::Unix(PathBuf::from("/run/b"))]);
    assert_eq!((config.workers, config.log), (3, log::LevelFilter::Debug));
    assert_eq!(config.grace, Duration::from_secs(10));
}

#[test]
fn arguments_name_what_to_do() {
    assert_eq!(arguments(&[]).unwrap().command, Command::Run);
    assert_eq!(arguments(&["check", "--config", "x.toml"]).unwrap().command, Command::Check);
    assert_eq!(arguments(&["--version"]).unwrap().command, Command::Version);
    assert_eq!(arguments(&["run", "--help"]).unwrap().command, Command::Help);
    for (words, expected) in [
        (&["serve"][..], "command line: there is no command \"serve\""),
        (&["--lisen", "x"], "command line: "),
        (&["--listen", "x"], "--listen: `x` is neither"),
        (&["--workers", "many"], "--workers: `many` is no number"),
        (&["--log"], "command line: "),
        (&["run", "check"], "command line: "),
    ] {
        let said = arguments(words).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
}
