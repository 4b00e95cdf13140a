//! The exit codes of programs that run a child: those of timeout(1) and env(1).

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::io::Errno;

/// The program itself failed, however the child ended.
pub(crate) const OWN_FAILURE: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Returns the child's own code, or 128 plus the number of the signal that killed it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128 + signal as u8,
        (None, None) => OWN_FAILURE,
    }
}

/// Returns the code for a child that could not be started.
pub(crate) fn not_started(error: &io::Error) -> u8 {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => NOT_FOUND,
        // The system lacks resources, and the program may be all right.
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM) | None => OWN_FAILURE,
        Some(_) => NOT_EXECUTABLE,
    }
}
