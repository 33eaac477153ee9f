//! Events about registrations and subscriptions, of which there are many alike: what they share is encoded once.
//!
//! ```text
//!  [36, 77, <publication>, {}, [<session>, {"id": <id>, "created": <created>, "uri": <uri>, "match": "exact", ...
//! ```
//!
//! A stencil is cut out of a sample that was encoded as every message is, so that there is one definition of what an
//! event looks like, for all encodings. The sample says in each place something that nothing else in it says; where its
//! encoding says that, there is a hole.

use super::details::{write_created, write_registration, write_subscription};
use super::observers::Heard;
use super::pending::Text;
use super::topic::Topic;
use crate::codec::{self, Writer};
use crate::wamp::{Encoding, EventDetails, Id, Invoke, Payload, Policy, RouterMessage};

/// What sets the events of one kind apart.
#[derive(Clone, Copy)]
enum Hole {
    Publication,
    Session,
    Id,
    Created,
    Uri,
}

/// What the events of one kind have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) encoding: Encoding,
    pub(super) topic: Topic,
    pub(super) heard: Heard,
    pub(super) policy: Policy,
    pub(super) invoke: Invoke,
    /// The event names its URI and policy in kwargs.
    pub(super) kwargs: bool,
}

/// One event about a registration or subscription, less its kind.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) publication: Id,
    pub(super) session: Id,
    pub(super) id: Id,
    /// Milliseconds since the epoch.
    pub(super) created: u64,
    pub(super) uri: &'a str,
    /// Where the URI stands among those of one flush.
    pub(super) text: Text,
}

/// The ids of the sample: the ids of entries, which begin an event, end far below them.
const SAMPLE: [u64; 3] = [(1 << 53) - 2, (1 << 53) - 1, 1 << 53];
const SAMPLE_URI: &str = "a sample, as it has spaces";

/// An event with holes.
struct Stencil {
    kind: Kind,
    /// What it says between the holes.
    bytes: Vec<u8>,
    /// Where in `bytes` something is left out, ascending.
    holes: Vec<(usize, Hole)>,
}

impl Stencil {
    fn cut(kind: Kind) -> Stencil {
        let [publication, session, id] = SAMPLE.map(|id| Id::new(id).unwrap_or(Id::MAX));
        let facts = Facts { publication, session, id, created: u64::MAX, uri: SAMPLE_URI, text: Text::default() };
        let marks = [
            (Hole::Publication, kind.value(|writer| writer.uint(publication.get()))),
            (Hole::Session, kind.value(|writer| writer.uint(session.get()))),
            (Hole::Id, kind.value(|writer| writer.uint(id.get()))),
            (Hole::Created, kind.value(|writer| write_created(writer, u64::MAX))),
            (Hole::Uri, kind.value(|writer| writer.text(SAMPLE_URI))),
        ];
        let (sample, mut bytes, mut holes) = (kind.encode(&facts), Vec::new(), Vec::new());
        let mut rest = &sample[..];
        while let Some((octet, more)) = rest.split_first() {
            match marks.iter().find_map(|(hole, mark)| Some((hole, rest.strip_prefix(&mark[..])?))) {
                Some((&hole, behind)) => {
                    holes.push((bytes.len(), hole));
                    rest = behind;
                }
                None => {
                    bytes.push(*octet);
                    rest = more;
                }
            }
        }
        Stencil { kind, bytes, holes }
    }

    /// Appends the event that these facts make.
    #[inline]
    fn fill(&self, facts: &Facts<'_>, values: &mut Values, out: &mut Vec<u8>) {
        let encoding = self.kind.encoding;
        let mut from = 0;
        for &(to, hole) in &self.holes {
            out.extend_from_slice(&self.bytes[from..to]);
            from = to;
            match hole {
                Hole::Publication => Writer::new(encoding, out).uint(facts.publication.get()),
                Hole::Session => Writer::new(encoding, out).uint(facts.session.get()),
                Hole::Id => Writer::new(encoding, out).uint(facts.id.get()),
                Hole::Created => out.extend_from_slice(values.created(encoding, facts.created)),
                Hole::Uri => out.extend_from_slice(values.uri(encoding, facts)),
            }
        }
        out.extend_from_slice(&self.bytes[from..]);
    }
}

impl Kind {
    /// One such event, encoded as every message is.
    fn encode(&self, facts: &Facts<'_>) -> Vec<u8> {
        let args = self.value(|writer| self.write_args(facts, writer));
        let kwargs = if self.kwargs { self.value(|writer| self.write_kwargs(facts.uri, writer)) } else { Vec::new() };
        let mut out = Vec::new();
        let message = RouterMessage::Event {
            subscription: self.heard.subscription,
            publication: facts.publication,
            details: EventDetails { topic: self.heard.pattern.then(|| self.topic.uri()), ..EventDetails::default() },
            payload: Payload { encoding: self.encoding, args: &args, kwargs: &kwargs },
        };
        codec::encode(self.encoding, &message, &mut out);
        out
    }

    fn write_args(&self, facts: &Facts<'_>, writer: &mut Writer<'_>) {
        let Facts { session, id, created, uri, .. } = *facts;
        writer.begin_list(2);
        writer.uint(session.get());
        match self.topic {
            Topic::RegistrationCreated => write_registration(writer, id, created, uri, self.policy, self.invoke),
            Topic::SubscriptionCreated => write_subscription(writer, id, created, uri, self.policy),
            _ => writer.uint(id.get()),
        }
        writer.end_list();
    }

    fn write_kwargs(&self, uri: &str, writer: &mut Writer<'_>) {
        writer.begin_map(2);
        writer.text("uri");
        writer.text(uri);
        writer.text("match");
        writer.text(self.policy.as_str());
        writer.end_map();
    }

    fn value(&self, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut value = Vec::new();
        write(&mut Writer::new(self.encoding, &mut value));
        value
    }
}

/// What fills holes and is the same for events in a row, encoded.
#[derive(Default)]
struct Values {
    created_of: Option<u64>,
    created: Vec<u8>,
    uri_of: Option<Text>,
    uri: Vec<u8>,
}

impl Values {
    #[inline]
    fn created(&mut self, encoding: Encoding, created: u64) -> &[u8] {
        if self.created_of != Some(created) {
            self.created_of = Some(created);
            self.created.clear();
            write_created(&mut Writer::new(encoding, &mut self.created), created);
        }
        &self.created
    }

    #[inline]
    fn uri(&mut self, encoding: Encoding, facts: &Facts<'_>) -> &[u8] {
        if self.uri_of != Some(facts.text) {
            self.uri_of = Some(facts.text);
            self.uri.clear();
            Writer::new(encoding, &mut self.uri).text(facts.uri);
        }
        &self.uri
    }
}

/// Stencils kept for each topic; whoever needs more cuts them again.
const KEPT: usize = 16;

/// The stencils in use.
#[derive(Default)]
pub(super) struct Stencils {
    by_topic: [Vec<Stencil>; Topic::ALL.len()],
    values: Values,
}

impl Stencils {
    /// Begins with the events of another flush, or in another encoding.
    pub(super) fn begin(&mut self) {
        (self.values.created_of, self.values.uri_of) = (None, None);
    }

    /// Appends one event.
    pub(super) fn write(&mut self, kind: &Kind, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let kept = &mut self.by_topic[kind.topic as usize];
        let found = kept.iter().position(|stencil| stencil.kind == *kind).unwrap_or_else(|| {
            if kept.len() == KEPT {
                kept.clear();
            }
            kept.push(Stencil::cut(*kind));
            kept.len() - 1
        });
        kept[found].fill(facts, &mut self.values, out);
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, Kind, Stencils};
    use crate::realm::meta::observers::Heard;
    use crate::realm::meta::pending::Pending;
    use crate::realm::meta::topic::Topic;
    use crate::wamp::{Encoding, Id, Invoke, Policy};

    const TOPICS: [Topic; 8] = [
        Topic::RegistrationCreated,
        Topic::RegistrationJoined,
        Topic::RegistrationLeft,
        Topic::RegistrationDeleted,
        Topic::SubscriptionCreated,
        Topic::SubscriptionJoined,
        Topic::SubscriptionLeft,
        Topic::SubscriptionDeleted,
    ];

    fn id(random: &mut fastrand::Rng) -> Id {
        Id::new(random.u64(..) >> random.u32(11..64)).unwrap_or(Id::MIN)
    }

    /// Whatever the kind and the facts, a filled stencil is what the codec says (RMA-1 to RMA-4, SMA-1 to SMA-4).
    #[test]
    fn a_filled_stencil_is_the_encoded_event() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let uris = ["com.myapp.add", "", "größe.\"quoted\"", "a sample, as it has spaces", &"long.".repeat(900)];
        let mut stencils = Stencils::default();
        for _ in 0..20_000 {
            let mut pending = Pending::default();
            stencils.begin();
            let kind = Kind {
                encoding: [Encoding::Json, Encoding::MsgPack, Encoding::Cbor][random.usize(..3)],
                topic: TOPICS[random.usize(..TOPICS.len())],
                heard: Heard { subscription: Id::new(random.u64(1..4)).unwrap_or(Id::MIN), pattern: random.bool() },
                policy: Policy::ALL[random.usize(..3)],
                invoke: [Invoke::Single, Invoke::Random][random.usize(..2)],
                kwargs: random.bool(),
            };
            for _ in 0..random.usize(1..4) {
                let uri = uris[random.usize(..uris.len())];
                let (publication, session, entry) = (id(&mut random), id(&mut random), id(&mut random));
                let created = [0, 1_795_341_031_409, u64::MAX][random.usize(..3)];
                let text = pending.keep(uri);
                let facts = Facts { publication, session, id: entry, created, uri, text };
                let mut filled = Vec::new();
                stencils.write(&kind, &facts, &mut filled);
                assert_eq!(filled, kind.encode(&facts), "seed {seed}");
            }
        }
    }
}
