//! What is measured.

pub mod growth;
pub mod limits;
pub mod micro;
pub mod peers;
mod wake;
