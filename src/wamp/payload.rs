//! Application payload as cargo.

/// An encoding of messages. Spec: "Serializers" (SER-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON, RFC 8259, UTF-8.
    Json,
    /// MessagePack, version 5.
    MsgPack,
    /// CBOR, RFC 8949.
    Cbor,
}

impl Encoding {
    /// Every encoding; the index of each is `encoding as usize`.
    pub const ALL: [Encoding; 3] = [Encoding::Json, Encoding::MsgPack, Encoding::Cbor];

    /// The name in subprotocols and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Json => "json",
            Encoding::MsgPack => "msgpack",
            Encoding::Cbor => "cbor",
        }
    }
}

/// Arguments and keyword arguments exactly as the sender encoded them: validated, never built into values (GEN-7).
///
/// Each slice holds one complete encoded value, or nothing where the element is absent. `args` is a list, except in
/// transparent payload mode (PPT-6), where it is one string or binary. `kwargs` is a map with string keys; where it
/// is present, so is `args`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The encoding of both slices.
    pub encoding: Encoding,
    /// The encoded Arguments, or empty.
    pub args: &'a [u8],
    /// The encoded ArgumentsKw, or empty.
    pub kwargs: &'a [u8],
}

impl Payload<'static> {
    /// No arguments at all.
    pub const EMPTY: Payload<'static> = Payload { encoding: Encoding::MsgPack, args: &[], kwargs: &[] };
}

impl Payload<'_> {
    /// Whether neither element is present.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.args.is_empty() && self.kwargs.is_empty()
    }
}
