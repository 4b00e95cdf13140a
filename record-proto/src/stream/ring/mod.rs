//! The shared buffer: rings of frames in memory that a writer's process shares with a reader's.
//!
//! Everything here is safe code on a slice of words. The crate knows no maps: whoever maps the memory makes the slice.
//! The words are described in PROTOCOL.md, section "The shared buffer". Each of them may be changed by the other side at
//! any moment, also against the rules. So it is read once, checked, and only then used.
//!
//! - `layout.rs`: the places of the words; `ring_words.rs`: those of one ring.
//! - `header.rs`: the words of the whole buffer: bell, tickets, and who has which ring.
//! - `entry.rs`: how a frame stands in a ring.
//! - `ring_writer.rs`: the one writer of a ring.
//! - `ring_reader.rs`: the one reader of a ring; `ring_copy.rs`: what it has copied.
//! - `buffer_reader.rs`: the reader of all rings of a buffer, in the order in which their frames were written.
//! - `hooks.rs`: what tests change in the reader.
//! - `atomic.rs`: the atomic types. The models of the tests put others in their place.

mod atomic;
mod buffer_reader;
mod entry;
mod header;
#[cfg(any(test, record_proto_hooks))]
#[cfg_attr(
    test,
    allow(
        unreachable_pub,
        reason = "they are exported to the tests of the workspace"
    )
)]
mod hooks;
mod layout;
mod ring_copy;
mod ring_reader;
mod ring_words;
mod ring_writer;

#[cfg(test)]
mod tests;

#[cfg(record_proto_hooks)]
pub use hooks::{Hooks, set_hooks};
pub use {
    buffer_reader::{BufferReader, Next},
    header::{Header, Reader},
    layout::{Layout, LayoutError},
    ring_reader::RingError,
    ring_words::RingWords,
    ring_writer::{NoRoom, Place, RingWriter, release},
};
