//! The atomic types of the ring.

pub(super) use std::sync::atomic::{AtomicU64, Ordering, compiler_fence, fence};
