//! Children that log into a shared buffer.

mod bells;
mod claims;
mod deaths;
mod defaults;
mod drops;
mod ends;
mod forks;
mod gone;
mod hostile;
mod kills;
mod limited;
mod order;
mod refused;
mod system_settings;
