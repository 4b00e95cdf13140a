//! Code of the other examples that this program shares.

#[path = "../../../../support/before_main.rs"]
pub(crate) mod before_main;
#[path = "../../../../support/options.rs"]
pub(crate) mod options;
#[path = "../../../../support/stdio.rs"]
#[allow(dead_code, reason = "this program reads no standard input")]
pub(crate) mod stdio;
#[path = "../../../../support/text/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "this program prints the records of a batch like others"
)]
pub(crate) mod text;
