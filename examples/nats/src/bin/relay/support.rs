//! Code of the other examples that this program shares.

#[path = "../../../../support/before_main.rs"]
pub(crate) mod before_main;
#[path = "../../../../support/exit_codes.rs"]
pub(crate) mod exit_codes;
#[path = "../../../../support/inherited.rs"]
pub(crate) mod inherited;
#[path = "../../../../support/options.rs"]
pub(crate) mod options;
#[path = "../../../../support/runtime.rs"]
pub(crate) mod runtime;
#[path = "../../../../support/signals.rs"]
pub(crate) mod signals;
#[path = "../../../../support/stdio.rs"]
#[expect(dead_code, reason = "this program prints to standard error only")]
pub(crate) mod stdio;
