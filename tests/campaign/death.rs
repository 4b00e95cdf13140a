//! The ways in which a process can end.

use std::{
    os::unix::process::CommandExt,
    process::{self, Command},
    thread,
};

use clap::ValueEnum;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Death {
    /// `main` returns.
    Return,
    /// `std::process::exit` by any thread.
    Exit,
    /// The main thread panics.
    Panic,
    /// A panic after which nothing is unwound.
    PanicAbort,
    /// `std::process::abort`.
    Abort,
    /// `_exit`, which calls no exit hook.
    #[value(name = "_exit")]
    #[serde(rename = "_exit")]
    UnderscoreExit,
    Sigterm,
    /// A write to an address without memory.
    Sigsegv,
    Sigkill,
    /// Another program takes the process over.
    Exec,
}

/// How a process ended, as the system reports it to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Code(i32),
    Signal(i32),
}

impl Death {
    pub(crate) const ALL: [Death; 10] = [
        Death::Return,
        Death::Exit,
        Death::Panic,
        Death::PanicAbort,
        Death::Abort,
        Death::UnderscoreExit,
        Death::Sigterm,
        Death::Sigsegv,
        Death::Sigkill,
        Death::Exec,
    ];

    /// Whether the exit hook runs.
    pub(crate) fn is_orderly(self) -> bool {
        let unwinds = cfg!(panic = "unwind");
        matches!(self, Death::Return | Death::Exit) || (self == Death::Panic && unwinds)
    }

    pub(crate) fn panics(self) -> bool {
        matches!(self, Death::Panic | Death::PanicAbort)
    }

    /// Whether only the main thread can die so.
    pub(crate) fn is_of_the_main_thread(self) -> bool {
        matches!(self, Death::Return | Death::Panic)
    }

    pub(crate) fn can_come_from_outside(self) -> bool {
        matches!(self, Death::Sigkill | Death::Sigterm)
    }

    pub(crate) fn signal(self) -> Signal {
        match self {
            Death::Sigterm => Signal::TERM,
            _ => Signal::KILL,
        }
    }

    pub(crate) fn expected(self) -> Status {
        match self {
            Death::Return | Death::Exit | Death::UnderscoreExit | Death::Exec => Status::Code(0),
            Death::Panic if cfg!(panic = "unwind") => Status::Code(101),
            Death::Panic | Death::PanicAbort | Death::Abort => Status::Signal(libc::SIGABRT),
            Death::Sigterm => Status::Signal(libc::SIGTERM),
            Death::Sigsegv => Status::Signal(libc::SIGSEGV),
            Death::Sigkill => Status::Signal(libc::SIGKILL),
        }
    }

    /// Ends this process. A `Return` exits, and a panic ends the process only in the main thread.
    pub(crate) fn die(self) -> ! {
        match self {
            Death::Return | Death::Exit => process::exit(0),
            // The hook that `child` installs aborts if the death is `PanicAbort`.
            Death::Panic | Death::PanicAbort => panic!("the end"),
            Death::Abort => process::abort(),
            // SAFETY: it has no conditions.
            Death::UnderscoreExit => unsafe { libc::_exit(0) },
            // SAFETY: no memory is at this address, and the fault is intended.
            Death::Sigsegv => unsafe { std::ptr::null_mut::<u8>().write_volatile(0) },
            Death::Exec => panic!("exec: {}", Command::new("true").exec()),
            Death::Sigterm | Death::Sigkill => {
                kill_process(getpid(), self.signal()).expect("a process");
            }
        }
        // Another thread may handle the signal, a moment later.
        loop {
            thread::park();
        }
    }
}
