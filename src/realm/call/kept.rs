//! What a call in flight needs again: frozen options for later chunks (PRI-4), the payload for another callee (CID-6).
//!
//! Only progressive calls, and calls to a shared registration whose callee may hand them back, keep anything; an
//! ordinary call allocates nothing. What is kept is bounded for the whole realm. A payload beyond that is not kept: the
//! call is still made, and answered `wamp.error.no_available_callee` should its callee hand it back. Frozen options
//! beyond that cannot be left out: such a progressive call is refused.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::invoke::Offer;
use crate::wamp::{Encoding, Passthru, Payload};

/// Bytes that a realm keeps at most, of payloads and frozen options together.
pub(super) const MOST_KEPT: usize = 64 * 1024 * 1024;

/// The frozen part of a CALL.
pub(super) struct Kept {
    pub(super) procedure: Box<str>,
    /// The caller is named, asked or by rule.
    pub(super) disclose: bool,
    pub(super) passthru: Option<Box<Passthru<'static>>>,
    /// The arguments, where another callee may need them.
    pub(super) payload: Option<KeptPayload>,
    /// Tickets of the callees that handed the call back (CID-7).
    pub(super) tried: SmallVec<[u64; 4]>,
}

/// A payload of its own.
pub(super) struct KeptPayload {
    encoding: Encoding,
    args: Box<[u8]>,
    kwargs: Box<[u8]>,
}

impl Kept {
    /// Keeps what `offer` says; its payload only with `payload`.
    pub(super) fn new(offer: &Offer<'_>, payload: bool) -> Kept {
        let Payload { encoding, args, kwargs } = offer.payload;
        Kept {
            procedure: offer.procedure.into(),
            disclose: offer.disclose,
            passthru: offer.passthru.map(|passthru| Box::new(owned(passthru))),
            payload: payload.then(|| KeptPayload { encoding, args: args.into(), kwargs: kwargs.into() }),
            tried: SmallVec::new(),
        }
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.procedure.len() + self.passthru.as_deref().map_or(0, text_bytes) + self.payload_bytes()
    }

    /// Those of them that are payload.
    pub(super) fn payload_bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.args.len() + payload.kwargs.len())
    }
}

impl KeptPayload {
    /// The payload as it came.
    pub(super) fn borrow(&self) -> Payload<'_> {
        Payload { encoding: self.encoding, args: &self.args, kwargs: &self.kwargs }
    }
}

/// Bytes of text in the options of payload passthru.
pub(super) fn text_bytes(passthru: &Passthru<'_>) -> usize {
    let texts = [
        &passthru.ppt_scheme,
        &passthru.ppt_serializer,
        &passthru.ppt_cipher,
        &passthru.ppt_keyid,
        &passthru.enc_algo,
        &passthru.enc_key,
        &passthru.enc_serializer,
        &passthru.transaction_hash,
    ];
    texts.into_iter().flatten().map(|text| text.len()).sum()
}

fn owned(passthru: &Passthru<'_>) -> Passthru<'static> {
    let own = |text: &Option<Cow<'_, str>>| text.as_ref().map(|text| Cow::Owned(text.clone().into_owned()));
    Passthru {
        ppt_scheme: own(&passthru.ppt_scheme),
        ppt_serializer: own(&passthru.ppt_serializer),
        ppt_cipher: own(&passthru.ppt_cipher),
        ppt_keyid: own(&passthru.ppt_keyid),
        enc_algo: own(&passthru.enc_algo),
        enc_key: own(&passthru.enc_key),
        enc_serializer: own(&passthru.enc_serializer),
        transaction_hash: own(&passthru.transaction_hash),
    }
}
