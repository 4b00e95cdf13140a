//! A small writer of the wire format that makes one fault, which its argument names. Without a fault it follows every
//! rule.
//!
//! It prints where the fault is: `planted offset BYTES` in the pipe's stream, `planted ring 0 position BYTES` in the
//! first ring of a shared buffer, which it uses if it is offered one.

mod adopt;
mod fork;
mod pack;
mod record;
mod ring;
mod writer;

use std::{env, io, process::ExitCode};

use writer::Writer;

/// Declares the faults with the names that the test uses.
macro_rules! faults {
    ($($name:literal $fault:ident,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($fault,)* }

        impl Fault {
            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$fault),)*
                    _ => None,
                }
            }
        }
    };
}

faults! {
    "none" None,
    // Writes.
    "two-writes" TwoWrites,
    "long-write" LongWrite,
    "too-long-length" TooLongLength,
    "reopens" Reopens,
    "newline" Newline,
    "text" Text,
    // Payloads.
    "time-float" TimeFloat,
    "time-millis" TimeMillis,
    "level-0" Level0,
    "target-bin" TargetBin,
    "extension" Extension,
    "four-fields" FourFields,
    "more-fields" MoreFields,
    "nil-message" NilMessage,
    "key-values-array" KeyValuesArray,
    "integer-key" IntegerKey,
    "surrogate" Surrogate,
    "nine-deep" NineDeep,
    "line-64-bits" Line64Bits,
    "cut-short" CutShort,
    "many-values" ManyValues,
    "instance-text" InstanceText,
    "extra-byte" ExtraByte,
    "unknown-kind" UnknownKind,
    "original-length" OriginalLength,
    "error-key" ErrorKey,
    // Fragments.
    "fragment-left-out" FragmentLeftOut,
    "fragment-without-last" FragmentWithoutLast,
    "fragment-begun-again" FragmentBegunAgain,
    "fragments-too-long" FragmentsTooLong,
    "fragments-of-hello" FragmentsOfHello,
    // Processes and numbers.
    "no-hello" NoHello,
    "late-hello" LateHello,
    "two-hellos" TwoHellos,
    "version-2" Version2,
    "parents-pid" ParentsPid,
    "seq-twice" SeqTwice,
    "seq-back" SeqBack,
    "seq-left-out" SeqLeftOut,
    "no-close" NoClose,
    "one-more-sent" OneMoreSent,
    "one-fewer-sent" OneFewerSent,
    "forgets-dropped" ForgetsDropped,
    "more-by-level" MoreByLevel,
    "held-back-text" HeldBackText,
    "record-after-close" RecordAfterClose,
    // Scenarios.
    "needs-variable" NeedsVariable,
    "trusts-number" TrustsNumber,
    "no-fifo-check" NoFifoCheck,
    "no-mode-check" NoModeCheck,
    "no-inode-check" NoInodeCheck,
    "refuses-0" Refuses0,
    "closes-0" Closes0,
    "inherits" Inherits,
    "hands-on" HandsOn,
    "non-blocking" NonBlocking,
    "dies-when-full" DiesWhenFull,
    "dies-of-sigpipe" DiesOfSigpipe,
    "fails-without-reader" FailsWithoutReader,
    "retries-without-reader" RetriesWithoutReader,
    // The shared buffer.
    "ignores-buffer" IgnoresBuffer,
    "uses-unsealed" UsesUnsealed,
    "inherits-buffer" InheritsBuffer,
    "no-claimed-bit" NoClaimedBit,
    "owner-plain" OwnerPlain,
    "owner-other" OwnerOther,
    "head-unaligned" HeadUnaligned,
    "head-back" HeadBack,
    "head-too-far" HeadTooFar,
    "passes-head" PassesHead,
    "passes-end" PassesEnd,
    "long-entry" LongEntry,
    "jump-at-start" JumpAtStart,
    "jump-without-entry" JumpWithoutEntry,
    "ticket-not-drawn" TicketNotDrawn,
    "ticket-twice" TicketTwice,
    "ticket-senseless" TicketSenseless,
    "no-ticket" NoTicket,
    "record-in-pipe" RecordInPipe,
    "no-bell" NoBell,
    "moves-tail" MovesTail,
    "unnamed-word" UnnamedWord,
    "no-release" NoRelease,
    "entry-after-release" EntryAfterRelease,
    // Forks.
    "keeps-instance" KeepsInstance,
    "drops-instance" DropsInstance,
    "keeps-session" KeepsSession,
}

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    let Some(fault) = Fault::from_name(&name) else {
        eprintln!("no such fault: {name}");
        return ExitCode::from(2);
    };
    match run(fault) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faulty-writer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(fault: Fault) -> io::Result<()> {
    let Some((pipe, buffer)) = adopt::adopt(fault)? else {
        return Ok(());
    };
    if fault == Fault::DiesOfSigpipe {
        // SAFETY: no handler is set.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    }
    let mut writer = Writer::new(pipe, &buffer, fault)?;
    writer.begin()?;
    for number in 0..4 {
        writer.log(number)?;
    }
    match fault {
        Fault::KeepsInstance | Fault::DropsInstance | Fault::KeepsSession => {
            fork::fork_and_log(&mut writer)?
        }
        Fault::HandsOn => fork::start_a_sleeper(&writer)?,
        _ => {}
    }
    writer.log_long()?;
    writer.close()?;
    writer.end()
}
