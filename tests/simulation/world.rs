//! The world around the realm: a queue for each link, with faults where a receiver can be at fault.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use banyan::codec::{self, Value};
use banyan::realm::{Batch, Effects, Link, Refused};
use banyan::wamp::{Encoding, Payload, RouterMessage};

/// A message as its receiver decodes it: the elements after the code.
#[derive(Clone, Debug)]
pub struct Got {
    /// The message's code.
    pub code: u64,
    /// Everything else.
    pub elements: Vec<Value<'static>>,
}

impl Got {
    fn read(encoding: Encoding, bytes: &[u8]) -> Got {
        let payload = Payload { encoding, args: bytes, kwargs: &[] };
        let mut elements: Vec<_> = codec::read_args(&payload).expect("a list").into_iter().map(owned).collect();
        let code = number(&elements.remove(0));
        Got { code, elements }
    }

    /// Element `index` as an integer.
    pub fn id(&self, index: usize) -> u64 {
        number(&self.elements[index])
    }

    /// Element `index` as text.
    pub fn text(&self, index: usize) -> &str {
        text(&self.elements[index])
    }

    /// Element `index` as a list; absent is empty.
    pub fn list(&self, index: usize) -> &[Value<'static>] {
        match self.elements.get(index) {
            None => &[],
            Some(Value::List(items)) => items,
            other => panic!("a list, not {other:?}"),
        }
    }

    /// The entry `key` of the map that is element `index`; absent is null.
    pub fn entry(&self, index: usize, key: &str) -> &Value<'static> {
        self.elements.get(index).map_or(&Value::Null, |map| get(map, key))
    }
}

/// A value as an integer.
pub fn number(value: &Value<'_>) -> u64 {
    match value {
        Value::Uint(number) => *number,
        other => panic!("an integer, not {other:?}"),
    }
}

/// A value as text.
pub fn text<'v>(value: &'v Value<'_>) -> &'v str {
    match value {
        Value::Text(text) => text,
        other => panic!("text, not {other:?}"),
    }
}

/// A value as a list of integers.
pub fn numbers(value: &Value<'_>) -> Vec<u64> {
    match value {
        Value::List(items) => items.iter().map(number).collect(),
        other => panic!("a list, not {other:?}"),
    }
}

/// An entry of a map; absent is null.
pub fn get<'v>(map: &'v Value<'static>, key: &str) -> &'v Value<'static> {
    match map {
        Value::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map_or(&Value::Null, |(_, value)| value),
        other => panic!("a map, not {other:?}"),
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Bool(value) => Value::Bool(value),
        Value::Uint(value) => Value::Uint(value),
        Value::Int(value) => Value::Int(value),
        Value::Float(value) => Value::Float(value),
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
        Value::List(items) => Value::List(items.into_iter().map(owned).collect()),
        Value::Map(pairs) => {
            Value::Map(pairs.into_iter().map(|(key, value)| (key.into_owned().into(), owned(value))).collect())
        }
    }
}

/// An EVENT or INVOCATION that the realm tried to send to a link that may be at fault, whether or not it was taken.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub link: Link,
    pub got: Got,
    pub refused: Option<Refused>,
}

struct Wire {
    encoding: Encoding,
    inbox: VecDeque<Got>,
    /// The session is over for the realm: anything sent now is a fault of the realm.
    over: bool,
    /// The connection is gone, and the realm does not know yet.
    gone: bool,
    /// Never at fault.
    reliable: bool,
}

/// All links.
pub struct World {
    random: fastrand::Rng,
    wires: BTreeMap<u64, Wire>,
    /// One in so many refusable messages is refused; 0 for none.
    pub fault_rate: u32,
    /// EVENTs and INVOCATIONs since they were last taken.
    pub attempts: Vec<Attempt>,
    /// Links the realm said GOODBYE to, since they were last taken.
    pub dismissed: Vec<Link>,
    /// Everything that was received, in order.
    pub digest: u64,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            random: fastrand::Rng::with_seed(seed),
            wires: BTreeMap::new(),
            fault_rate: 0,
            attempts: Vec::new(),
            dismissed: Vec::new(),
            digest: 0,
        }
    }

    /// A new connection.
    pub fn connect(&mut self, encoding: Encoding, reliable: bool) -> Link {
        let link = self.wires.last_key_value().map_or(1, |(&last, _)| last + 1);
        let wire = Wire { encoding, inbox: VecDeque::new(), over: false, gone: false, reliable };
        self.wires.insert(link, wire);
        Link(link)
    }

    /// The connection breaks; the realm will hear of it later.
    pub fn lose(&mut self, link: Link) {
        self.wire(link).gone = true;
    }

    /// The realm was told that the session is over.
    pub fn end(&mut self, link: Link) {
        self.wire(link).over = true;
    }

    /// What the client receives next.
    pub fn receive(&mut self, link: Link) -> Option<Got> {
        self.wire(link).inbox.pop_front()
    }

    fn wire(&mut self, link: Link) -> &mut Wire {
        self.wires.get_mut(&link.0).expect("a link that was given out")
    }

    fn fault(&mut self, link: Link, refusable: bool) -> Option<Refused> {
        let rate = self.fault_rate;
        let unlucky = rate > 0 && self.random.u32(..rate) == 0;
        let wire = self.wire(link);
        assert!(!wire.over, "a message to {link:?}, whose session is over");
        if wire.gone {
            return Some(Refused::Gone);
        }
        (refusable && unlucky && !wire.reliable).then(|| match self.random.bool() {
            true => Refused::Full,
            false => Refused::TooLarge,
        })
    }

    fn deliver(&mut self, link: Link, bytes: &[u8], refusable: bool) -> Result<(), Refused> {
        let refused = self.fault(link, refusable);
        let mut hasher = DefaultHasher::new();
        (self.digest, link, bytes).hash(&mut hasher);
        self.digest = hasher.finish();
        let wire = self.wire(link);
        let got = Got::read(wire.encoding, bytes);
        if refusable && !wire.reliable {
            self.attempts.push(Attempt { link, got: got.clone(), refused });
        }
        match refused {
            Some(refused) => Err(refused),
            None => {
                self.wire(link).inbox.push_back(got);
                Ok(())
            }
        }
    }
}

impl Effects for World {
    fn send(&mut self, to: Link, message: &RouterMessage<'_>) -> Result<(), Refused> {
        let mut bytes = Vec::new();
        codec::encode(self.wire(to).encoding, message, &mut bytes);
        let refusable = matches!(message, RouterMessage::Event { .. } | RouterMessage::Invocation { .. });
        // An answer can only be too long, and then only for what it carries.
        let carries = match message {
            RouterMessage::Result { payload, .. } | RouterMessage::Error { payload, .. } => !payload.is_empty(),
            _ => false,
        };
        let rate = self.fault_rate;
        if carries && rate > 0 && self.random.u32(..4 * rate) == 0 && !self.wire(to).reliable && !self.wire(to).gone {
            assert!(!self.wire(to).over, "a message to {to:?}, whose session is over");
            return Err(Refused::TooLarge);
        }
        self.deliver(to, &bytes, refusable)
    }

    fn send_batch(&mut self, to: Link, batch: &Batch) -> Result<(), Refused> {
        assert_eq!(batch.encoding, self.wire(to).encoding, "a batch is in the receiver's encoding");
        assert_eq!(batch.ends.last().map(|&end| end as usize), Some(batch.bytes.len()), "a batch ends with its bytes");
        let mut result = Ok(());
        for message in batch.messages() {
            if let Err(refused @ (Refused::Full | Refused::Gone)) = self.deliver(to, message, true) {
                result = Err(refused);
            }
        }
        result
    }

    fn has_room(&mut self, to: Link) -> bool {
        let wire = self.wire(to);
        !wire.over && !wire.gone
    }

    fn goodbye(&mut self, to: Link, reason: &str, message: Option<&str>) {
        let wire = self.wire(to);
        assert!(!wire.over, "GOODBYE to {to:?}, whose session is over");
        wire.over = true;
        let mut bytes = Vec::new();
        codec::encode(wire.encoding, &RouterMessage::Goodbye { reason, message }, &mut bytes);
        let got = Got::read(wire.encoding, &bytes);
        wire.inbox.push_back(got);
        self.dismissed.push(to);
    }
}
