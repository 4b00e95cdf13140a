//! Events and spans of `tracing`: a layer that makes an event a record, and the start that sets subscriber and logger
//! together. Uses `setup`, `handler`, `filter` and `record`.

mod callsites;
mod event;
mod fields;
mod init;
mod layer;
mod layer_filter;
mod log_bridge;
mod scope;

pub use {
    init::{init_tracing, init_tracing_or, init_tracing_with},
    layer::PipeLayer,
    layer_filter::PipeFilter,
};
