//! What processes and threads use, from the kernel; and what machine this is.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use crate::outcome::Machine;

/// CPU time of the calling thread so far, in nanoseconds.
pub fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// CPU time of all its threads in seconds, user and system; steps of a clock tick.
    pub cpu_s: f64,
    /// The system part.
    pub cpu_system_s: f64,
    /// Resident memory in bytes.
    pub rss: u64,
}

/// Looks at a process, with all processes below it: Crossbar.io routes in a child. `None` if it does not exist.
pub fn sample(pid: u32) -> Option<Sample> {
    let mut total = one(pid)?;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            if let Some(part) = sample(child) {
                total.cpu_s += part.cpu_s;
                total.cpu_system_s += part.cpu_system_s;
                total.rss += part.rss;
            }
        }
    }
    Some(total)
}

fn one(pid: u32) -> Option<Sample> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the fields behind it are counted from "state".
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    let field = |number: usize| fields.get(number)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let (user, system) = (field(11)? as f64 / ticks, field(12)? as f64 / ticks);
    let rss = field(21)? * rustix::param::page_size() as u64;
    Some(Sample { cpu_s: user + system, cpu_system_s: system, rss })
}

/// This machine.
pub fn machine() -> Machine {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let uname = rustix::system::uname();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = named(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    Machine {
        cpu: named(&info, "model name").unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
        memory: kib * 1024,
        loadgen: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Lets this process have as many descriptors as the system allows it: a session each.
pub fn raise_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it fails, the limit stays; opening too many connections then says so.
    let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum });
}
