//! The codec against the specification's text and against encoders and decoders written elsewhere.

mod client;
mod glimpse;
mod router;
mod support;
mod values;
mod vectors;
