//! How encoded messages are framed into one connection's write buffer.

/// A framing, from the outbox's side. Implementations are small; the pure code of each is in `transport`.
pub trait Framing {
    /// Reserves room for the header of a message about to be appended to `out`; returns a mark.
    fn begin(&mut self, out: &mut Vec<u8>) -> usize;

    /// Completes the frame of the message appended since `mark`; may move bytes where the header's length depends on
    /// the message's.
    fn end(&mut self, out: &mut Vec<u8>, mark: usize);

    /// Called before the buffer is written to the socket: closes an open batch.
    fn seal(&mut self, out: &mut Vec<u8>);
}
