//! Models of the shared buffer: loom runs each of them in all orders in which its threads can see each other's stores.
//!
//! The files of the ring are those of `record-proto`. Only the atomic types and the layout are others: a ring has 64
//! bytes here.
#![cfg(test)]
// The models use a part of what the crates use.
#![allow(dead_code)]

#[path = "."]
mod ring {
    #[path = "atomic.rs"]
    mod atomic;
    #[path = "../../../record-proto/src/stream/ring/buffer_reader.rs"]
    mod buffer_reader;
    #[path = "../../../record-proto/src/stream/ring/entry.rs"]
    mod entry;
    #[path = "../../../record-proto/src/stream/ring/header.rs"]
    mod header;
    #[path = "../../../record-proto/src/stream/ring/hooks.rs"]
    mod hooks;
    #[path = "layout.rs"]
    mod layout;
    #[path = "models.rs"]
    mod models;
    #[path = "../../../record-proto/src/stream/ring/ring_copy.rs"]
    mod ring_copy;
    #[path = "../../../record-proto/src/stream/ring/ring_reader.rs"]
    mod ring_reader;
    #[path = "../../../record-proto/src/stream/ring/ring_words.rs"]
    mod ring_words;
    #[path = "../../../record-proto/src/stream/ring/ring_writer.rs"]
    mod ring_writer;
}
