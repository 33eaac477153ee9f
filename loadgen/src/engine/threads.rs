//! What a run consists of before any load: its settings, and a thread for each part of the sessions.

use std::sync::Arc;

use rustls::ClientConfig;

use super::control::Control;
use super::net::Net;
use super::opening::Credentials;
use crate::wire::codec::Serializer;
use crate::wire::target::Target;

/// How sessions reach the router.
pub struct Settings {
    /// The routers, used in turn.
    pub targets: Vec<Target>,
    /// The realm joined.
    pub realm: String,
    /// The encoding.
    pub serializer: Serializer,
    /// Whether WebSocket subprotocols are the batched ones.
    pub batched: bool,
    /// What ends a JSON message in a batch.
    pub separator: u8,
    /// Who the sessions are.
    pub credentials: Credentials,
    /// TLS, for targets that want it.
    pub tls: Arc<ClientConfig>,
    /// How long joining may take, in nanoseconds.
    pub join_timeout: u64,
    /// How long an answer may take, in nanoseconds.
    pub answer_timeout: u64,
    /// Where all random choices come from.
    pub seed: u64,
}

/// Runs `work` on that many threads, each with connections of its own, and returns what each made, in order. A thread
/// that panics or cannot start fails the run and yields nothing.
pub fn on_threads<T: Send>(
    threads: usize,
    settings: &Arc<Settings>,
    control: &Arc<Control>,
    work: impl Fn(&mut Net, usize) -> T + Sync,
) -> Vec<T> {
    let one = |thread: usize| {
        let mut net = match Net::new(Arc::clone(settings), Arc::clone(control), thread) {
            Ok(net) => net,
            Err(error) => {
                control.fail(format!("cannot start a thread: {error}"));
                return None;
            }
        };
        Some(work(&mut net, thread))
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        let mut results = Vec::new();
        for handle in handles {
            match handle.join() {
                Ok(result) => results.extend(result),
                Err(_) => control.fail("a thread of the generator broke down; this is a defect of it".to_owned()),
            }
        }
        results
    })
}
