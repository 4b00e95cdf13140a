//! Reads the log records of many children from NATS JetStream.

fn main() {}
