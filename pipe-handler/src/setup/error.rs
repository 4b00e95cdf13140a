//! The error of all ways to set up a handler.

use std::{fmt, io, os::fd::RawFd};

use log::SetLoggerError;
use record_proto::fmt_with_sources;
use thiserror::Error;

/// Why a handler could not be set up.
///
/// ```
/// use pipe_handler::{InitError, PipeHandler};
///
/// // This process was not started with a record pipe.
/// let error = PipeHandler::builder().build().unwrap_err();
/// assert!(matches!(error, InitError::Absent));
/// assert!(error.is_no_pipe());
/// assert_eq!(
///     format!("{error:?}"),
///     "RECORD_PIPE is not set, so this process has no record pipe; start it with pipe_subscriber::spawn, or set a \
///      fallback with init_or or init_tracing_or",
/// );
/// ```
///
/// Its `Debug` output is its message and those of its sources, so that `main` can return it and print a readable error.
#[derive(Error)]
#[non_exhaustive]
pub enum InitError {
    /// The process was not given a pipe.
    #[error(
        "RECORD_PIPE is not set, so this process has no record pipe; start it with pipe_subscriber::spawn, or set a \
         fallback with init_or or init_tracing_or"
    )]
    Absent,
    /// The variable does not have the form that the protocol defines.
    #[error("RECORD_PIPE must have the form v1:<fd>:<dev>:<ino>")]
    Malformed,
    /// The variable has a later version of the protocol.
    #[error(
        "RECORD_PIPE has version {version} and this handler knows version 1; update pipe-handler"
    )]
    Newer {
        /// The version that the variable names.
        version: u64,
    },
    /// The descriptor is closed, or is another pipe than the one that the variable names.
    ///
    /// This happens in a grandchild that inherited the variable but not the pipe, and in a process in which another
    /// copy of this crate (a plugin's, or another version) has adopted the pipe.
    #[error(
        "descriptor {fd} is not, or is no longer, the pipe that RECORD_PIPE names; a program in between may have closed \
         it, and a process passes it on to children of its own with share_with only"
    )]
    Stale {
        /// The descriptor that the variable names.
        fd: RawFd,
    },
    /// The descriptor is not a pipe, or is a pipe that cannot be written.
    #[error("descriptor {fd}, which RECORD_PIPE names, is not a pipe that can be written")]
    Foreign {
        /// The descriptor that the variable names.
        fd: RawFd,
    },
    /// Another handler of this process has adopted the pipe before, whether or not it still exists.
    #[error("this process has adopted its record pipe already; one handler can have it")]
    AlreadyAdopted,
    /// The builder's filter cannot be read.
    #[error(
        "cannot read the filter {filter:?}; write directives such as \"info,worker::db=debug\""
    )]
    Filter {
        /// The filter as it was given.
        filter: String,
    },
    /// The process already has a logger.
    #[error(
        "this process has a logger already, perhaps this one; call init once, before any other logger is set"
    )]
    Logger(#[from] SetLoggerError),
    /// The process already has a subscriber for the events of `tracing`.
    #[cfg(feature = "tracing")]
    #[error(
        "this process has a tracing subscriber already; call init_tracing instead of setting one, or give the layer of \
         PipeHandler::into_layer to that subscriber"
    )]
    Subscriber,
    /// A system call on the pipe's descriptor failed, for example because no descriptor is left.
    #[error("cannot move the record pipe to a descriptor of its own")]
    Io(#[from] io::Error),
}

impl InitError {
    /// Whether the process has no pipe of its own.
    ///
    /// [`init_or`](crate::init_or) sets the fallback in more cases than these: for every error except a filter that
    /// cannot be read, and a logger or a subscriber that is already set.
    pub fn is_no_pipe(&self) -> bool {
        matches!(
            self,
            Self::Absent
                | Self::Malformed
                | Self::Newer { .. }
                | Self::Stale { .. }
                | Self::Foreign { .. }
        )
    }

    /// Whether the error is a mistake of the program that a fallback logger would not solve.
    pub(crate) fn is_misuse(&self) -> bool {
        match self {
            Self::Filter { .. } | Self::Logger(_) => true,
            #[cfg(feature = "tracing")]
            Self::Subscriber => true,
            _ => false,
        }
    }
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_sources(self, f)
    }
}

impl From<rustix::io::Errno> for InitError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `main` prints this for an error that it returns.
    #[test]
    fn debug_prints_the_message_and_the_source() {
        let refused = || io::Error::other("refused");
        for (error, expected) in [
            (
                InitError::Stale { fd: 9 },
                "descriptor 9 is not, or is no longer, the pipe that RECORD_PIPE names; a program in between may have \
                 closed it, and a process passes it on to children of its own with share_with only",
            ),
            (
                InitError::Foreign { fd: 2 },
                "descriptor 2, which RECORD_PIPE names, is not a pipe that can be written",
            ),
            (
                InitError::Io(refused()),
                "cannot move the record pipe to a descriptor of its own: refused",
            ),
        ] {
            assert_eq!(format!("{error:?}"), expected);
        }
    }
}
