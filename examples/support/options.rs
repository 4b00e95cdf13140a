//! The command line.

use clap::Parser;

/// Returns the options, or the code with which the program has to exit: 0 after `--help`, `failure` if the options are
/// wrong or the help cannot be printed.
pub(crate) fn options<O: Parser>(failure: u8) -> Result<O, u8> {
    O::try_parse().map_err(|error| match (error.use_stderr(), error.print()) {
        (false, Ok(())) => 0,
        _ => failure,
    })
}
