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
use crate::codec::{self, End, Piece, Writer};
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

impl Hole {
    const COUNT: usize = Hole::Uri as usize + 1;
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
    /// Milliseconds since the epoch, of an event that tells them.
    pub(super) created: Option<u64>,
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
    /// What it says before each hole.
    parts: Vec<(Piece, Hole)>,
    /// What it says behind the last one.
    rest: Piece,
}

impl Stencil {
    fn cut(kind: Kind) -> Stencil {
        let [publication, session, id] = SAMPLE.map(|id| Id::new(id).unwrap_or(Id::MAX));
        let facts = Facts { publication, session, id, created: Some(u64::MAX), uri: SAMPLE_URI, text: Text::default() };
        let marks = [
            (Hole::Publication, kind.value(|writer| writer.uint(publication.get()))),
            (Hole::Session, kind.value(|writer| writer.uint(session.get()))),
            (Hole::Id, kind.value(|writer| writer.uint(id.get()))),
            (Hole::Created, kind.value(|writer| write_created(writer, u64::MAX))),
            (Hole::Uri, kind.value(|writer| writer.text(SAMPLE_URI))),
        ];
        let sample = kind.encode(&facts);
        let piece = |said: &[u8]| Piece::new(|piece| piece.extend_from_slice(said));
        let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
        while at < sample.len() {
            match marks.iter().find(|(_, mark)| sample[at..].starts_with(mark)) {
                Some((hole, mark)) => {
                    parts.push((piece(&sample[from..at]), *hole));
                    at += mark.len();
                    from = at;
                }
                None => at += 1,
            }
        }
        Stencil { kind, parts, rest: piece(&sample[from..]) }
    }

    /// Appends the event that fills its holes with these values.
    #[inline]
    fn fill(&self, values: &Values, out: &mut Vec<u8>) {
        let mut end = End::of(out);
        for (before, hole) in &self.parts {
            end.append(before);
            match hole {
                Hole::Publication => {
                    end.write(|out| Writer::new(values.encoding, out).uint(values.publication));
                }
                hole => end.append(&values.pieces[*hole as usize]),
            }
        }
        end.append(&self.rest);
        end.finish();
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
        let created = created.unwrap_or_default();
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

/// What fills the holes, encoded. Most of it is the same for events in a row.
struct Values {
    encoding: Encoding,
    /// No two events have the same.
    publication: u64,
    pieces: [Piece; Hole::COUNT],
    session: Option<Id>,
    id: Option<Id>,
    created: Option<u64>,
    uri: Option<Text>,
}

impl Values {
    fn new() -> Values {
        let pieces = std::array::from_fn(|_| Piece::new(|_| {}));
        Values { encoding: Encoding::Json, publication: 0, pieces, session: None, id: None, created: None, uri: None }
    }

    /// Encodes what is not what it was for the event before.
    #[inline]
    fn set(&mut self, facts: &Facts<'_>) {
        self.publication = facts.publication.get();
        if self.session != Some(facts.session) {
            self.session = Some(facts.session);
            self.number(Hole::Session, facts.session);
        }
        if self.id != Some(facts.id) {
            self.id = Some(facts.id);
            self.number(Hole::Id, facts.id);
        }
        if self.uri != Some(facts.text) {
            self.uri = Some(facts.text);
            self.piece(Hole::Uri, |writer| writer.text(facts.uri));
        }
        if let Some(created) = facts.created.filter(|_| self.created != facts.created) {
            self.set_created(created);
        }
    }

    #[inline]
    fn number(&mut self, hole: Hole, id: Id) {
        self.piece(hole, |writer| writer.uint(id.get()));
    }

    /// Never inlined: the arithmetic of a date would be done ahead of every event, whether it is wanted or not.
    #[inline(never)]
    fn set_created(&mut self, created: u64) {
        self.created = Some(created);
        self.piece(Hole::Created, |writer| write_created(writer, created));
    }

    #[inline]
    fn piece(&mut self, hole: Hole, write: impl FnOnce(&mut Writer<'_>)) {
        let encoding = self.encoding;
        self.pieces[hole as usize].set(|piece| write(&mut Writer::new(encoding, piece)));
    }
}

/// Stencils kept for each topic; whoever needs more cuts them again.
const KEPT: usize = 16;

/// The stencils in use.
pub(super) struct Stencils {
    by_topic: [Vec<Stencil>; Topic::ALL.len()],
    values: Values,
}

impl Stencils {
    pub(super) fn new() -> Stencils {
        Stencils { by_topic: Default::default(), values: Values::new() }
    }

    /// Begins with the events of another flush, in this encoding.
    pub(super) fn begin(&mut self, encoding: Encoding) {
        let values = &mut self.values;
        values.encoding = encoding;
        (values.session, values.id, values.created, values.uri) = (None, None, None, None);
    }

    /// Sets the facts of the events that are written next.
    #[inline]
    pub(super) fn set(&mut self, facts: &Facts<'_>) {
        self.values.set(facts);
    }

    /// Appends one event.
    #[inline]
    pub(super) fn write(&mut self, kind: &Kind, out: &mut Vec<u8>) {
        let kept = &mut self.by_topic[kind.topic as usize];
        let found = kept.iter().position(|stencil| stencil.kind == *kind).unwrap_or_else(|| {
            if kept.len() == KEPT {
                kept.clear();
            }
            kept.push(Stencil::cut(*kind));
            kept.len() - 1
        });
        kept[found].fill(&self.values, out);
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
        let mut stencils = Stencils::new();
        for _ in 0..20_000 {
            let mut pending = Pending::default();
            let kind = Kind {
                encoding: [Encoding::Json, Encoding::MsgPack, Encoding::Cbor][random.usize(..3)],
                topic: TOPICS[random.usize(..TOPICS.len())],
                heard: Heard { subscription: Id::new(random.u64(1..4)).unwrap_or(Id::MIN), pattern: random.bool() },
                policy: Policy::ALL[random.usize(..3)],
                invoke: [Invoke::Single, Invoke::Random][random.usize(..2)],
                kwargs: random.bool(),
            };
            stencils.begin(kind.encoding);
            for _ in 0..random.usize(1..4) {
                let uri = uris[random.usize(..uris.len())];
                let (publication, session, entry) = (id(&mut random), id(&mut random), id(&mut random));
                let created = Some([0, 1_795_341_031_409, u64::MAX][random.usize(..3)]);
                let text = pending.keep(uri);
                let facts = Facts { publication, session, id: entry, created, uri, text };
                let mut filled = Vec::new();
                stencils.set(&facts);
                stencils.write(&kind, &mut filled);
                assert_eq!(filled, kind.encode(&facts), "seed {seed}");
            }
        }
    }
}
