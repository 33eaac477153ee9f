//! The `banyan` daemon: arguments to exit code.

use std::future::poll_fn;
use std::io::{self, Write};
use std::process::ExitCode;
use std::task::Poll;
use std::thread;

use banyan::config::{Arguments, Command, Config, HELP};
use banyan::logging;
use banyan::pattern::rules::Action;
use banyan::server::{Server, Stopper, memory};
use banyan::shard::placement::Entry;
use banyan::transport::listener::Address;
use banyan::wamp::Policy;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The system's allocator takes a lock where memory is freed by another thread than the one it came from, which
/// happens with every batch that crosses shards; this one does not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VERSION: &str = concat!("Banyan ", env!("CARGO_PKG_VERSION"));

/// The exit code for arguments or a configuration that cannot be used.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match arguments.command {
        Command::Help => say(HELP),
        Command::Version => say(&format!("{VERSION}\n")),
        Command::Check => match arguments.config() {
            Ok(config) => say(&format!("the configuration is fine: realms={}\n", names(&config))),
            Err(error) => return refuse(&error),
        },
        Command::Run => match arguments.config() {
            Ok(config) => return run(config),
            Err(error) => return refuse(&error),
        },
    }
    ExitCode::SUCCESS
}

fn refuse(error: &banyan::config::Error) -> ExitCode {
    eprintln!("banyan: {error}");
    ExitCode::from(USAGE)
}

fn run(config: Config) -> ExitCode {
    logging::install(config.log);
    // Each session is a file descriptor; what the system grants at most is taken.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("the limit on file descriptors stays as it is: {error}");
    }
    memory::tune();
    let facts = facts(&config);
    match serve(config, &facts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, facts: &str) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(config)?;
    obey_signals(server.stopper())?;
    say(&format!("{VERSION}\n{}{facts}ready\n", places(server.addresses())));
    server.wait()?;
    log::info!("stopped");
    Ok(())
}

/// The first SIGTERM or SIGINT drains, the second one ends the process at once.
fn obey_signals(stopper: Stopper) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]
    };
    thread::Builder::new().name("banyan-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            any(&mut signals).await;
            stopper.shutdown();
            any(&mut signals).await;
            log::warn!("a second signal: ending at once");
            std::process::exit(1);
        });
    })?;
    Ok(())
}

async fn any(signals: &mut [Signal; 2]) {
    poll_fn(|cx| match signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// The addresses by protocol, a line each.
fn places(addresses: &[Address]) -> String {
    let line = |address: &Address| match address {
        Address::Tcp(address) => {
            format!("  listening  ws://{address}/ws  tcp://{address} (RawSocket)  http://{address}/healthz\n")
        }
        Address::Unix(path) => format!("  listening  unix:{} (RawSocket)\n", path.display()),
    };
    addresses.iter().map(line).collect()
}

fn facts(config: &Config) -> String {
    let notes: String = config.realms.iter().filter_map(note).collect();
    format!("  realms     {}\n  workers    {}\n{notes}", names(config), config.workers)
}

fn names(config: &Config) -> String {
    config.realms.iter().map(|entry| entry.options.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A warning where clients nobody knows may act on the sessions of others.
fn note(entry: &Entry) -> Option<String> {
    let privileged = ["wamp.session.kill", "wamp.registration.remove_callee", "wamp.subscription.remove_subscriber"];
    let role = entry.methods.anonymous.as_ref()?;
    let rules = entry.options.roles.get(role)?;
    let granted = privileged.into_iter().filter(|uri| {
        let verdict = rules.judge(Action::Call, uri, Policy::Exact);
        verdict.allowed && verdict.explicit
    });
    let granted = granted.collect::<Vec<_>>().join(", ");
    let realm = &entry.options.name;
    (!granted.is_empty()).then(|| format!("  note       anyone may join {realm} and call {granted}\n"))
}

/// Prints to standard output; where nobody reads it, the router runs all the same.
fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
