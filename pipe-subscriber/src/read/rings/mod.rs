//! The frames that a child and its relatives leave in a shared buffer: when to look for them, and handing them out. May
//! use `sys`, and the ticks of the folder above.

mod dropped_counts;
mod load;
mod ring_pacing;
#[expect(clippy::module_inception, reason = "the folder's one noun")]
mod rings;
#[cfg(test)]
mod test_child;
mod ticks;

pub(crate) use rings::Rings;
#[cfg(test)]
pub(crate) use test_child::TestChild;
