//! Scopes in one process: their values, hold-back, groups and bound handlers. Other processes and deaths are tested in
//! `tests/e2e`.

mod allocator;
mod escalations;
mod groups;
mod handlers;
mod hold_back;
mod support;
#[cfg(feature = "tracing")]
mod traced;
mod values;

#[global_allocator]
static ALLOCATOR: allocator::Logs = allocator::Logs;
