//! What is measured.

pub mod growth;
pub mod limits;
pub mod micro;
pub mod peers;
pub mod rates;
#[cfg(feature = "scope")]
pub mod scope;
mod system_calls;
pub mod tracing;
pub mod tracing_child;
mod tracing_parent;
mod wake;
