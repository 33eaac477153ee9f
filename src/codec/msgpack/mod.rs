//! MessagePack, version 5. Spec: msgpack `spec.md`; extension values are read as binary (SER-4).

mod emit;
mod read;

pub(super) use emit::MsgPackEmit;
pub(super) use read::MsgPackReader;
