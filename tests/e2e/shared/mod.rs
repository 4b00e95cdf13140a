//! Children that log into a shared buffer.

mod claims;
mod deaths;
mod drops;
mod ends;
mod forks;
mod gone;
mod kills;
mod order;
