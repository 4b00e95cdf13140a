use std::{io, os::fd::RawFd};

use log::SetLoggerError;
use thiserror::Error;

use crate::env;

/// Why a handler could not be set up.
///
/// ```
/// use pipe_handler::{InitError, PipeHandler};
///
/// // This process was not started with a record pipe.
/// let error = PipeHandler::builder().build().unwrap_err();
/// assert!(matches!(error, InitError::Absent));
/// assert!(error.is_no_pipe());
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitError {
    /// The process was not given a pipe.
    #[error(
        "{} is not set: the parent gave this process no record pipe",
        env::PIPE
    )]
    Absent,
    /// The variable does not have the form that the protocol gives it.
    #[error("{} is not of the form v1:<fd>:<dev>:<ino>", env::PIPE)]
    Malformed,
    /// The variable is of a later version of the protocol.
    #[error("{} is of version {version}; this handler knows version 1", env::PIPE)]
    Newer {
        /// The version that the variable names.
        version: u64,
    },
    /// The descriptor is closed, or is another pipe than the one that the variable tells of. So it is for a
    /// grandchild that inherited the variable but not the pipe, and in a process where another copy of this crate (a
    /// plugin's, another version) has adopted the pipe.
    #[error(
        "{} tells of a pipe that descriptor {fd} is not, or is no more",
        env::PIPE
    )]
    Stale {
        /// The descriptor that the variable names.
        fd: RawFd,
    },
    /// The descriptor is no pipe, or one that cannot be written.
    #[error(
        "descriptor {fd}, of which {} tells, is no pipe that can be written",
        env::PIPE
    )]
    Foreign {
        /// The descriptor that the variable names.
        fd: RawFd,
    },
    /// A handler of this process has the pipe already, or had it.
    #[error("the record pipe was adopted before in this process; one handler can have it")]
    AlreadyAdopted,
    /// The builder's filter cannot be read.
    #[error(
        "cannot read the filter {filter:?}; it takes directives such as \"info,worker::db=debug\""
    )]
    Filter {
        /// The filter as it was given.
        filter: String,
    },
    /// The process has a logger already.
    #[error("the process has a logger already")]
    Logger(#[from] SetLoggerError),
    /// The thread that carries records away in buffered delivery could not be started.
    #[error("cannot start the thread that writes to the record pipe")]
    Thread(#[source] io::Error),
    /// A system call on the pipe's descriptor failed: no descriptor is left, for example.
    #[error("cannot take over the record pipe's descriptor")]
    Io(#[from] io::Error),
}

impl InitError {
    /// Whether the process has no pipe of its own.
    ///
    /// [`init_or`](crate::init_or) takes the fallback in these cases and some more: for every error but a filter that
    /// cannot be read and a logger that is there already.
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

    /// Whether the program is at fault and another logger would not help.
    pub(crate) fn is_misuse(&self) -> bool {
        matches!(self, Self::Filter { .. } | Self::Logger(_))
    }
}

impl From<rustix::io::Errno> for InitError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}
