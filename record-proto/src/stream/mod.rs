//! The outermost stage: frames on a byte stream, found and measured by their length. It uses only `wire`.

#[cfg(feature = "codec")]
mod batch;
#[cfg(feature = "codec")]
mod codec;
mod frame;
#[cfg(all(feature = "shared-buffer", target_has_atomic = "64"))]
pub(crate) mod ring;

pub use frame::{DEFAULT_MAX_FRAME_LENGTH, Frame};
#[cfg(feature = "codec")]
pub use {
    batch::Batch,
    codec::{BatchCodec, RecordCodec},
};
