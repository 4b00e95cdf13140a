//! Reads the log records of many children from NATS JetStream.

mod account;
mod child;
mod clock;
mod ends;
mod engine;
mod flow;
mod host;
mod merge;
mod notice;
mod ordinals;
mod positions;
mod prefix;
mod process;
mod reorder;
mod sums;

fn main() {}
