//! Tests the promises that the crates make together, with real children, pipes and parents. See README.md.

mod accounting;
mod accounts;
mod adoption;
#[cfg(feature = "shared-buffer")]
mod campaign;
mod collect;
mod contexts;
mod deaths;
mod descriptors;
mod endings;
mod examples;
mod families;
mod fields;
mod filter;
mod foreign;
mod grace;
mod identity;
mod key_values;
mod kills;
mod loggers;
mod messages;
mod nesting;
mod overflow;
mod parents;
mod plain_text;
mod python;
#[cfg(feature = "shared-buffer")]
mod python_buffer;
mod raw;
mod sandboxed;
mod scopes;
#[cfg(feature = "shared-buffer")]
mod shared;
mod siblings;
mod signals;
mod statuses;
mod streams;
mod support;
mod traced;
mod trouble;
mod watched;
mod wire;
mod wrappers;
