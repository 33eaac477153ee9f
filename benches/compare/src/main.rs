//! The index beside what else there is: lookups, memory, the slowest insert (and the slowest page of fresh memory), what
//! removal gives back.
//!
//! `banyan-compare QUESTION`, one of those in `main`. `BANYAN_SEED` is the seed, `BANYAN_BENCH_MAX` the largest size.
//! Contenders answer the same questions in turns of a few thousand; a figure is the median of turns, in nanoseconds
//! of wall clock, texts of the questions included in the cache traffic, their making not. Memory is what the
//! allocator was asked for. Left out: networking, codecs, whatever a router does with an answer.

mod contest;
mod counting;
mod exact;
mod hostile;
mod life;
mod patterns;
#[path = "../../support/uris.rs"]
mod uris;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn main() {
    banyan::server::memory::tune();
    println!("seed {}", uris::seed());
    match std::env::args().nth(1).as_deref() {
        Some("exact") => exact::run(),
        Some("prefix") => patterns::prefix(),
        Some("wildcard") => patterns::wildcard(),
        Some("mixed") => patterns::mixed(),
        Some("hostile") => hostile::run(),
        Some("memory") => life::memory(),
        Some("inserts") => life::inserts(),
        Some("pages") => life::pages(),
        Some("removal") => life::removal(),
        _ => eprintln!("one of: exact prefix wildcard mixed hostile memory inserts pages removal"),
    }
}
