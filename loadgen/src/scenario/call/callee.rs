//! A callee: checks what arrives and echoes it.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::json;

use super::{ASKED_ERROR, chosen};
use crate::args::Calls;
use crate::engine::{Key, Net};
use crate::outcome::Integrity;
use crate::stamp::{Stamps, Token};
use crate::wire::codec::{Payload, Serializer, Template};

/// What all callees of a thread share.
pub struct Answers {
    serializer: Serializer,
    plain: Template,
    progress: Template,
    error: Template,
    parts: u32,
    error_percent: f64,
    unanswered_percent: f64,
    /// Whether payloads tell their sequence.
    tells: bool,
}

impl Answers {
    /// As the arguments ask.
    pub fn new(serializer: Serializer, calls: &Calls, stamps: &Stamps) -> Answers {
        Answers {
            serializer,
            plain: Template::new(serializer, &[70], &[json!({})]),
            progress: Template::new(serializer, &[70], &[json!({"progress": true})]),
            error: Template::new(serializer, &[8, 68], &[json!({}), json!(ASKED_ERROR)]),
            parts: calls.progress,
            error_percent: calls.error_percent,
            unanswered_percent: calls.unanswered_percent,
            tells: stamps.tells(calls.payload.shortest() as usize),
        }
    }
}

/// One callee.
#[derive(Default)]
pub struct Callee {
    /// By sender: the sequence number after the last one seen; of all but the present sender.
    seen: HashMap<u32, u64, BySender>,
    /// Who sent the last one, and the number after it: routers deliver what one caller sent together.
    present: (u32, u64),
    /// Invocations so far.
    count: u64,
}

impl Callee {
    /// Checks that a sender's calls come in order.
    #[inline]
    fn follow(&mut self, token: Token, integrity: &mut Integrity) {
        if self.present.0 != token.sender {
            let next = self.seen.get(&token.sender).copied().unwrap_or(0);
            let before = std::mem::replace(&mut self.present, (token.sender, next));
            self.seen.insert(before.0, before.1);
        }
        match (token.sequence + 1).cmp(&self.present.1) {
            Ordering::Greater => self.present.1 = token.sequence + 1,
            Ordering::Equal => integrity.duplicated += 1,
            Ordering::Less => integrity.reordered += 1,
        }
    }

    /// Checks an invocation and answers it.
    #[inline]
    pub fn invoked(
        &mut self,
        net: &mut Net,
        key: Key,
        request: u64,
        receive_progress: bool,
        payload: Payload<'_>,
        (answers, stamps, integrity): (&Answers, &Stamps, &mut Integrity),
    ) {
        self.count += 1;
        let mut number = self.count;
        if answers.tells {
            integrity.checked += 1;
            match payload.first_text(answers.serializer).and_then(|text| stamps.token(text)) {
                Some(token) => {
                    self.follow(token, integrity);
                    number = token.sequence ^ u64::from(token.sender) << 40;
                }
                None => integrity.wrong += 1,
            }
        }
        if chosen(number, answers.unanswered_percent) {
            return;
        }
        let expected = answers.plain.overhead() + payload.raw.len();
        if chosen(number, answers.error_percent) {
            let expected = answers.error.overhead() + payload.raw.len();
            return net.send(key, expected, |out| answers.error.write(request, payload, out));
        }
        if receive_progress {
            for _ in 0..answers.parts {
                net.send(key, expected + 10, |out| answers.progress.write(request, payload, out));
            }
        }
        net.send(key, expected, |out| answers.plain.write(request, payload, out));
    }
}

/// Hashes a sender by a multiplication: senders are small numbers of our own.
#[derive(Clone, Copy, Default)]
pub struct BySender;

impl std::hash::BuildHasher for BySender {
    type Hasher = Multiply;

    fn build_hasher(&self) -> Multiply {
        Multiply(0)
    }
}

/// See [`BySender`].
pub struct Multiply(u64);

impl std::hash::Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
