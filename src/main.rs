//! The `banyan` daemon.

fn main() {}
