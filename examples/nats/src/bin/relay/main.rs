//! Starts a child and publishes its log records to NATS JetStream.

fn main() {}
