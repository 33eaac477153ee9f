//! How encoded messages become frames in a connection's write buffer.
//!
//! The outbox owns a framing per connection; the transports implement it. A message is appended in three steps:
//! `begin`, the encoder's bytes, `end`. Before the buffer goes to the socket, and before anything that is not a
//! message (a control frame) is appended to it, `seal` closes what is open.
//!
//! A message that turns out too long for its receiver (SIZ-1) is taken back: instead of calling `end`, truncate the
//! buffer to its length before `begin`. Every implementation bears that.

use crate::realm::Batch;

/// Bytes that a message grows by at most when it is framed.
pub const MOST_ADDED: usize = 16;

/// How encoded messages are framed into one connection's write buffer.
pub trait Framing {
    /// Reserves room for the header of a message about to be appended to `out`; returns a mark.
    fn begin(&mut self, out: &mut Vec<u8>) -> usize;

    /// Completes the frame of the message appended since `mark` (may move bytes where the header length depends on
    /// size).
    fn end(&mut self, out: &mut Vec<u8>, mark: usize);

    /// Appends the messages of a batch, each as `begin`, its bytes and `end` would, in one call for all.
    fn append(&mut self, out: &mut Vec<u8>, batch: &Batch) {
        for message in batch.messages() {
            let mark = self.begin(out);
            out.extend_from_slice(message);
            self.end(out, mark);
        }
    }

    /// Makes of the batch's own bytes what `append` appends to an empty buffer, so that none is copied. Returns `false`,
    /// and changes nothing, where the framing is of another shape.
    fn frame_in_place(&mut self, _batch: &mut Batch) -> bool {
        false
    }

    /// Called before the buffer is written to the socket: closes an open batch (batched WebSocket).
    fn seal(&mut self, out: &mut Vec<u8>);
}
