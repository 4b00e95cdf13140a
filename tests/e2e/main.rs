//! Children, pipes and parents as they are: what the crates promise together. See README.md.

mod accounting;
mod accounts;
mod adoption;
mod buffered;
mod contexts;
mod descriptors;
mod endings;
mod examples;
mod families;
mod fields;
mod filter;
mod foreign;
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
mod trouble;
mod wire;
