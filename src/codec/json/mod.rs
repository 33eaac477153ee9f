//! JSON, RFC 8259, in UTF-8. Spec: "Serializers", "Binary conversion of JSON Strings" (SER-2, SER-3).
//!
//! A string whose first character is U+0000 is binary: standard padded Base64 follows. Keys are always text. Numbers
//! keep every digit as long as they are passed through; as values, integers are exact to 64 bits.

mod emit;
mod read;
mod strings;

pub(super) use emit::JsonEmit;
pub(super) use read::JsonReader;
