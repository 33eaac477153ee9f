//! The daemon as a value: starts shards and listeners, drains them.
//!
//! ```text
//! Running --shutdown--> Draining --every shard empty, or the grace time over--> Stopped
//! ```
//!
//! Each worker is one thread with one shard; a control thread accepts connections and watches the drain. While
//! draining the listeners stay open, so that `/healthz` can say so; who says HELLO is told that the router stops.

pub mod memory;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::config::Config;
use crate::shard::placement::Directory;
use crate::shard::{Network, Shard};
use crate::transport::connection::Service;
use crate::transport::listener::{Address, Gate, Listener};
use crate::transport::pool::Pool;
use crate::transport::stream::TcpOptions;

/// How far the daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Stopped,
}

/// A running router.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Address>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

/// Ends a router from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<Phase>);

/// Why a router does not start.
#[derive(Debug)]
pub enum StartError {
    /// It cannot listen there.
    Listen(Address, io::Error),
    /// The system refuses a thread or what a runtime needs.
    System(io::Error),
}

/// A worker failed by a fault of ours; the others were drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerFailed;

impl Server {
    /// Binds every address and starts every worker. The router accepts connections when this returns.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Server, StartError> {
        let listeners = config.listen.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let addresses = listeners.iter().map(Listener::address).collect::<Result<Vec<_>, _>>()?;
        let runtimes = (0..config.workers).map(|_| runtime()).collect::<Result<Vec<_>, _>>()?;
        let control_runtime = runtime()?;
        let directory = Directory::new(config.realms, config.workers);
        let network = Network::new(directory, config.workers, config.queued);
        let pool = Pool::new(config.connection.receiving);
        let service = Arc::new(Service { options: config.connection, gate: Gate::new(config.gate), pool });
        let (phase, watched) = watch::channel(Phase::Running);
        let (report, reports) = mpsc::channel(config.workers);
        let mut server = Server { addresses, phase, threads: Vec::with_capacity(config.workers + 1) };
        for (index, runtime) in runtimes.into_iter().enumerate() {
            let worker = Worker { index, network: network.clone(), phase: watched.clone(), report: report.clone() };
            server.spawn(format!("banyan-shard-{index}"), move || worker.run(&runtime))?;
        }
        drop(report);
        let phase = server.phase.clone();
        let control = Control { listeners, network, service, tcp: config.tcp, phase, grace: config.grace, reports };
        server.spawn("banyan-control".to_owned(), move || control.run(&control_runtime))?;
        Ok(server)
    }

    /// Where it listens, with the ports that were taken.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Begins to drain; returns at once. Spec: SES-17.
    pub fn shutdown(&self) {
        self.stopper().shutdown();
    }

    /// What ends the router from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.phase.clone())
    }

    /// Waits until the router has ended.
    ///
    /// # Errors
    /// [`WorkerFailed`] where it ended by a fault of its own.
    pub fn wait(self) -> Result<(), WorkerFailed> {
        let ended = self.threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        if ended == 0 { Ok(()) } else { Err(WorkerFailed) }
    }

    /// Starts a thread; if it panics, or cannot be started, the others end.
    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let alarm = Alarm(self.stopper());
        let watched = move || {
            let _alarm = alarm;
            run();
        };
        match thread::Builder::new().name(name).spawn(watched) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.phase.send_replace(Phase::Stopped);
                return Err(StartError::System(error));
            }
        }
        Ok(())
    }
}

impl Stopper {
    /// Begins to drain, unless that has begun.
    pub fn shutdown(&self) {
        self.0.send_if_modified(|phase| {
            let begins = *phase == Phase::Running;
            if begins {
                *phase = Phase::Draining;
            }
            begins
        });
    }
}

/// Drains the router when its thread panics: a router with a part of its realms dead would let their clients hang.
struct Alarm(Stopper);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.shutdown();
        }
    }
}

/// What one worker thread runs.
struct Worker {
    index: usize,
    network: Arc<Network>,
    phase: watch::Receiver<Phase>,
    report: mpsc::Sender<()>,
}

impl Worker {
    fn run(mut self, runtime: &Runtime) {
        LocalSet::new().block_on(runtime, async {
            let shard = Shard::new(self.index, self.network.clone(), entropy());
            tokio::task::spawn_local(shard.clone().pump());
            self.reach(Phase::Draining).await;
            shard.drain();
            tokio::task::spawn_local(report_drained(shard, self.report.clone()));
            // Comes before the last connection is closed, where the grace time is over.
            self.reach(Phase::Stopped).await;
        });
    }

    /// Waits for a phase; a router whose handle is gone runs on.
    async fn reach(&mut self, wanted: Phase) {
        if self.phase.wait_for(|&phase| phase >= wanted).await.is_err() {
            std::future::pending().await
        }
    }
}

async fn report_drained(shard: Rc<Shard>, report: mpsc::Sender<()>) {
    shard.drained().await;
    // Nobody counts any more where the grace time is over.
    let _ = report.send(()).await;
}

/// What the control thread runs.
struct Control {
    listeners: Vec<Listener>,
    network: Arc<Network>,
    service: Arc<Service>,
    tcp: TcpOptions,
    phase: watch::Sender<Phase>,
    grace: Duration,
    reports: mpsc::Receiver<()>,
}

impl Control {
    fn run(self, runtime: &Runtime) {
        let Control { listeners, network, service, tcp, phase, grace, mut reports } = self;
        LocalSet::new().block_on(runtime, async {
            for listener in listeners {
                let serving = listener.serve(network.clone(), service.clone(), tcp);
                tokio::task::spawn_local(async {
                    if let Err(error) = serving.await {
                        log::error!("a listener failed: {error}");
                    }
                });
            }
            // This very function holds a sender: the wait cannot fail.
            let _ = phase.subscribe().wait_for(|&phase| phase >= Phase::Draining).await;
            log::info!("draining connections={}", service.gate.connections());
            let drained = async {
                for _ in 0..network.shards() {
                    reports.recv().await;
                }
            };
            if tokio::time::timeout(grace, drained).await.is_err() {
                log::warn!("the grace time is over: connections={} are cut off", service.gate.connections());
            }
            phase.send_replace(Phase::Stopped);
        });
    }
}

fn bind(address: &Address) -> Result<Listener, StartError> {
    Listener::bind(address).map_err(|error| StartError::Listen(address.clone(), error))
}

fn runtime() -> Result<Runtime, StartError> {
    Ok(Builder::new_current_thread().enable_io().enable_time().build()?)
}

/// A random number that the system keyed: nobody outside can guess what follows from it.
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::System(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl fmt::Display for WorkerFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a worker failed; the log says where")
    }
}

impl std::error::Error for WorkerFailed {}

#[cfg(test)]
mod tests;
