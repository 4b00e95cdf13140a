//! The command line.

use clap::Parser;

/// The options, or the code with which the program ends at once: 0 after `--help`, `failure` if they are wrong or the
/// help cannot be printed.
pub(crate) fn options<O: Parser>(failure: u8) -> Result<O, u8> {
    O::try_parse().map_err(|error| match (error.use_stderr(), error.print()) {
        (false, Ok(())) => 0,
        _ => failure,
    })
}
