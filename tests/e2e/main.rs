//! Children, pipes and parents as they are: what the crates promise together. See README.md.

mod accounts;
mod adoption;
mod buffered;
mod campaign;
mod deaths;
mod descriptors;
mod endings;
mod examples;
mod families;
mod fields;
mod filter;
mod grace;
mod key_values;
mod kills;
mod loggers;
mod messages;
mod nesting;
mod overflow;
mod parents;
mod python;
mod raw;
mod streams;
mod support;
mod wire;
