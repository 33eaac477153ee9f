//! `banyan-loadgen`: drives a WAMP router with load and reports what it saw.

mod outcome;

fn main() {}
