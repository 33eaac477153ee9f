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
use super::topic::Topic;
use crate::codec::{self, End, Piece, Writer};
use crate::wamp::{Encoding, EventDetails, Id, Invoke, Payload, Policy, RouterMessage};
use smallvec::SmallVec;

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

/// One event about a registration or subscription.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) publication: Id,
    /// Who caused it.
    pub(super) session: Id,
    pub(super) id: Id,
    /// Milliseconds since the epoch, of an event that tells them.
    pub(super) created: Option<u64>,
    pub(super) uri: &'a str,
    pub(super) policy: Policy,
    /// Of a registration.
    pub(super) invoke: Invoke,
}

/// The ids of the sample: the ids of entries, which begin an event, end far below them.
const SAMPLE: [u64; 3] = [(1 << 53) - 2, (1 << 53) - 1, 1 << 53];
const SAMPLE_URI: &str = "a sample, as it has spaces";

/// An event with holes.
struct Stencil {
    kind: Kind,
    /// What it says around the holes, end to end: in few lines of the caches, as every event reads all of it.
    said: Piece,
    /// Where in that each hole is.
    holes: SmallVec<[(u32, Hole); 8]>,
}

impl Stencil {
    fn cut(kind: Kind) -> Stencil {
        let [publication, session, id] = SAMPLE.map(|id| Id::new(id).unwrap_or(Id::MAX));
        let Kind { policy, invoke, .. } = kind;
        let (created, uri) = (Some(u64::MAX), SAMPLE_URI);
        let facts = Facts { publication, session, id, created, uri, policy, invoke };
        let marks = [
            (Hole::Publication, kind.value(|writer| writer.uint(publication.get()))),
            (Hole::Session, kind.value(|writer| writer.uint(session.get()))),
            (Hole::Id, kind.value(|writer| writer.uint(id.get()))),
            (Hole::Created, kind.value(|writer| write_created(writer, u64::MAX))),
            (Hole::Uri, kind.value(|writer| writer.text(SAMPLE_URI))),
        ];
        let mut sample = &kind.encode(&facts)[..];
        let (mut said, mut holes) = (Vec::new(), SmallVec::new());
        while let Some((&first, rest)) = sample.split_first() {
            match marks.iter().find_map(|(hole, mark)| Some((*hole, sample.strip_prefix(&mark[..])?))) {
                Some((hole, behind)) => {
                    holes.push((said.len() as u32, hole));
                    sample = behind;
                }
                None => {
                    said.push(first);
                    sample = rest;
                }
            }
        }
        Stencil { kind, said: Piece::new(|piece| piece.append(&mut said)), holes }
    }

    /// Appends the event that fills its holes with these facts; `date` is the encoded time of creation.
    #[inline]
    fn fill(&self, facts: &Facts<'_>, date: &Piece, out: &mut Vec<u8>) {
        let (encoding, mut end, mut from) = (self.kind.encoding, End::of(out), 0);
        for &(at, hole) in &self.holes {
            end.append(&self.said, from, at as usize);
            from = at as usize;
            match hole {
                Hole::Publication => end.write(|out| Writer::new(encoding, out).uint(facts.publication.get())),
                Hole::Session => end.write(|out| Writer::new(encoding, out).uint(facts.session.get())),
                Hole::Id => end.write(|out| Writer::new(encoding, out).uint(facts.id.get())),
                Hole::Created => end.append(date, 0, date.len()),
                Hole::Uri => end.write(|out| Writer::new(encoding, out).text(facts.uri)),
            }
        }
        end.append(&self.said, from, self.said.len());
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

/// A time of creation, encoded: it is the same for events in a row.
struct Date {
    /// Milliseconds since the epoch.
    of: Option<u64>,
    encoded: Piece,
}

impl Date {
    /// Never inlined: the arithmetic of a date would be done ahead of every event, whether it is wanted or not.
    #[inline(never)]
    fn set(&mut self, encoding: Encoding, created: u64) {
        self.of = Some(created);
        self.encoded.set(|piece| write_created(&mut Writer::new(encoding, piece), created));
    }
}

/// Stencils kept for each topic; whoever needs more cuts them again.
const KEPT: usize = 16;

/// The stencils in use.
pub(super) struct Stencils {
    by_topic: [Vec<Stencil>; Topic::ALL.len()],
    /// By encoding.
    dates: [Date; Encoding::ALL.len()],
}

impl Stencils {
    pub(super) fn new() -> Stencils {
        let date = |_| Date { of: None, encoded: Piece::new(|_| {}) };
        Stencils { by_topic: Default::default(), dates: Encoding::ALL.map(date) }
    }

    /// Appends one event.
    #[inline]
    pub(super) fn write(&mut self, kind: &Kind, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let date = &mut self.dates[kind.encoding as usize];
        if let Some(created) = facts.created.filter(|_| facts.created != date.of) {
            date.set(kind.encoding, created);
        }
        let kept = &mut self.by_topic[kind.topic as usize];
        let found = kept.iter().position(|stencil| stencil.kind == *kind).unwrap_or_else(|| {
            if kept.len() == KEPT {
                kept.clear();
            }
            kept.push(Stencil::cut(*kind));
            kept.len() - 1
        });
        kept[found].fill(facts, &date.encoded, out);
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, Kind, Stencils};
    use crate::realm::meta::observers::Heard;
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
            let (policy, invoke) =
                (Policy::ALL[random.usize(..3)], [Invoke::Single, Invoke::Random][random.usize(..2)]);
            let kind = Kind {
                encoding: Encoding::ALL[random.usize(..3)],
                topic: TOPICS[random.usize(..TOPICS.len())],
                heard: Heard { subscription: Id::new(random.u64(1..4)).unwrap_or(Id::MIN), pattern: random.bool() },
                policy,
                invoke,
                kwargs: random.bool(),
            };
            let uri = uris[random.usize(..uris.len())];
            let (publication, session, id) = (id(&mut random), id(&mut random), id(&mut random));
            let created = Some([0, 1_795_341_031_409, u64::MAX][random.usize(..3)]);
            let facts = Facts { publication, session, id, created, uri, policy, invoke };
            let mut filled = Vec::new();
            stencils.write(&kind, &facts, &mut filled);
            assert_eq!(filled, kind.encode(&facts), "seed {seed}");
        }
    }
}
