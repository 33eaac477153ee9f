//! Real sockets, every framing and encoding: what a client sees of the router from its first octet to its last.

mod client;
mod endings;
mod fuzz;
mod handshakes;
mod hostile;
mod large;
mod malformed;
mod pressure;
mod sessions;
mod switches;
