//! `AtomicU64`, also on processors that have no atomics of 64 bits.

#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

// Takes a lock for each access. A process that is forked while another thread holds it finds it held.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;

/// Returns `number` zeroes, or `None` if there is no memory for them.
///
/// The system provides the pages only as they are used.
#[cfg(all(feature = "buffered", target_has_atomic = "64"))]
pub(crate) fn zeroes(number: usize) -> Option<Box<[AtomicU64]>> {
    bytemuck::allocation::try_zeroed_slice_box(number).ok()
}

#[cfg(all(feature = "buffered", not(target_has_atomic = "64")))]
pub(crate) fn zeroes(number: usize) -> Option<Box<[AtomicU64]>> {
    let mut zeroes = Vec::new();
    zeroes.try_reserve_exact(number).ok()?;
    zeroes.resize_with(number, || AtomicU64::new(0));
    Some(zeroes.into_boxed_slice())
}
