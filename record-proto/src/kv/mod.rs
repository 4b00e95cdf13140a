//! The stage of a record's key-values: written straight into a frame, kept as checked MessagePack, read on demand,
//! printed. It uses `msgpack` and `text`.

mod display;
mod encoded_pairs;
mod error_info;
mod hints;
mod json;
mod key_values;
mod known_pairs;
mod map_texts;
mod pair_buffers;
mod pair_writer;
#[cfg(feature = "kv_serde")]
mod serde_capture;
#[cfg(feature = "kv_serde")]
mod serde_probe;
mod value;
mod value_writer;

pub(crate) use {
    display::escape,
    error_info::MAX_SOURCES,
    hints::CheckedMap,
    known_pairs::{KnownKeys, KnownPairs},
    pair_buffers::PairBuffers,
    pair_writer::{PairLimits, write_pairs},
};
pub use {
    encoded_pairs::EncodedPairs,
    error_info::{ChainedError, ErrorInfo, Sources},
    map_texts::TextPlace,
    pair_writer::PairWriter,
    value::{KeyValues, List, Value},
    value_writer::ValueWriter,
};
