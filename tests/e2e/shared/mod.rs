//! Children that log into a shared buffer.

mod order;
