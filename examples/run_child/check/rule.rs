//! `Rule`, something that a writer must do, and `Finding`, a place at which the program did not do it.

use std::fmt;

use super::place::Place;

/// Something that a writer must do. `conformance/README.md` explains each one by its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    name: &'static str,
    /// What an implementer has to do.
    advice: &'static str,
}

impl Rule {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

const fn rule(name: &'static str, advice: &'static str) -> Rule {
    Rule { name, advice }
}

// Writes.
pub(crate) const ONE_WRITE: Rule = rule(
    "one-write",
    "put the length and the payload into one buffer and write it with one write(2)",
);
pub(crate) const PIPE_BUF: Rule = rule(
    "pipe-buf",
    "split a record whose frame has more than PIPE_BUF bytes into fragments; --alone allows longer frames",
);
pub(crate) const GARBAGE: Rule = rule(
    "garbage",
    "write nothing but frames; nothing stands between two frames, no newline either",
);
pub(crate) const LENGTH: Rule = rule(
    "length",
    "begin a frame with the length of its payload as four bytes, big endian, at most 65,536",
);
pub(crate) const WHOLE_FRAMES: Rule = rule(
    "whole-frames",
    "write each frame with one write(2), so that a kill leaves no part of one",
);

// Payloads.
pub(crate) const KIND: Rule = rule(
    "kind",
    "begin a payload with one byte: 0 hello, 1 record, 2 fragment, 3 dropped, 4 close, 5 bell",
);
pub(crate) const MESSAGEPACK: Rule = rule(
    "messagepack",
    "encode the fields as one MessagePack array, and take the length of the whole payload",
);
pub(crate) const ONE_ARRAY: Rule = rule(
    "one-array",
    "end the payload after the array of fields; the length must be that of the payload",
);
pub(crate) const FIELD_COUNT: Rule = rule(
    "field-count",
    "write the fields of the kind in their order; only nils at the end may be left off",
);
pub(crate) const REQUIRED: Rule = rule(
    "required",
    "write this field; it may be neither nil nor missing",
);
pub(crate) const TYPE: Rule = rule(
    "type",
    "use the type of the field's table; texts are str and not bin, numbers are integers",
);
pub(crate) const EXTENSION: Rule = rule(
    "extension",
    "send dates and other types of the language as str or numbers, never as an extension",
);
pub(crate) const RANGE: Rule = rule("range", "keep the number within its field's range");
pub(crate) const LEVEL: Rule = rule(
    "level",
    "map the language's levels to 1 error, 2 warn, 3 info, 4 debug, 5 trace",
);
pub(crate) const TIME: Rule = rule(
    "time",
    "send nanoseconds since 1970 as an unsigned integer of 64 bits; a float or a double cannot hold them",
);
pub(crate) const KEY_VALUES: Rule = rule(
    "key-values",
    "send key-values and context as a map whose keys are str, or nil",
);
pub(crate) const UTF8: Rule = rule(
    "utf-8",
    "replace what is not UTF-8, lone surrogates included, or send it as bin",
);
pub(crate) const DEPTH: Rule = rule("depth", "send a value that nests deeper than 8 as its text");
pub(crate) const VERSION: Rule = rule("version", "send 1 as the version of hello");
pub(crate) const ORIGINAL_LENGTH: Rule = rule(
    "original-length",
    "send the length of the message before it was cut, or nil if it was not cut",
);
pub(crate) const ERROR_KEY: Rule = rule(
    "error-key",
    "name a key of the key-values whose value is the error's message, or send nil",
);
pub(crate) const VALUES: Rule = rule(
    "values",
    "keep a record within 8,192 values, or the reader replaces parts of it",
);

// Fragments.
pub(crate) const FRAGMENT_ORDER: Rule = rule(
    "fragment-order",
    "number the fragments of a record 0, 1, 2, ..., and give each thread a fragment stream of its own",
);
pub(crate) const FRAGMENT_COMPLETE: Rule = rule(
    "fragment-complete",
    "write every fragment of a record, and mark the last one, before the thread begins another",
);
pub(crate) const FRAGMENT_LENGTH: Rule = rule(
    "fragment-length",
    "cut a record to at most 393,216 bytes of payload",
);
pub(crate) const FRAGMENT_KIND: Rule =
    rule("fragment-kind", "split only records, their kind included");

// Processes and their counters.
pub(crate) const HELLO: Rule = rule(
    "hello",
    "write hello before everything else, and again after a fork",
);
pub(crate) const HELLO_ONCE: Rule = rule(
    "hello-once",
    "write hello once in a process; draw a new instance if another writer begins in it",
);
pub(crate) const INSTANCE: Rule = rule(
    "instance",
    "draw 32 random bits when a process begins to write, and again after a fork",
);
pub(crate) const PID: Rule = rule(
    "pid",
    "send getpid() of the process that writes; ask again after a fork",
);
pub(crate) const SEQ_TWICE: Rule = rule(
    "seq-twice",
    "count with one atomic counter for the whole process, from 1; begin again after a fork",
);
pub(crate) const SEQ_BACK: Rule = rule(
    "seq-back",
    "take the number and write the record in the same order within a thread",
);
pub(crate) const SEQ_GAP: Rule = rule(
    "seq-gap",
    "report a record that has a number and is not written: by a dropped frame, or in close",
);
pub(crate) const CLOSE: Rule = rule(
    "close",
    "write close when the process ends in good order: at exit, in every process",
);
pub(crate) const CLOSE_TOTALS: Rule = rule(
    "close-totals",
    "count a record as sent after its last write has returned, and as dropped if it was given up",
);
pub(crate) const AFTER_CLOSE: Rule = rule(
    "after-close",
    "write close last, or once more after the records that follow it",
);

// The process around the pipe.
pub(crate) const ADOPT: Rule = rule(
    "adopt",
    "look for RECORD_PIPE when the program starts, and log something",
);
pub(crate) const EXIT: Rule = rule(
    "exit",
    "never let the logging decide how the program ends; it must end with exit code 0 here",
);
pub(crate) const SIGPIPE: Rule = rule(
    "sigpipe",
    "ignore or block SIGPIPE around the write, and take EPIPE for the end of logging",
);
pub(crate) const HANG: Rule = rule(
    "hang",
    "end in good time, with a pipe and without one; take EPIPE for the end of logging and do not try again",
);
pub(crate) const NOT_THE_PIPE: Rule = rule(
    "not-the-pipe",
    "use the descriptor only if it is a FIFO, open for writing, with the device and inode of the variable",
);
pub(crate) const CLOSE_ON_EXEC: Rule = rule(
    "close-on-exec",
    "set FD_CLOEXEC on the pipe before the program can start others",
);
pub(crate) const BLOCKING: Rule = rule(
    "blocking",
    "never set O_NONBLOCK: it belongs to the open file, which other processes share",
);
pub(crate) const DESCRIPTOR_0: Rule = rule(
    "descriptor-0",
    "move the pipe to another number, then dup2 /dev/null to 0; without dup2, close 0 and open /dev/null at once",
);

// The shared buffer.
pub(crate) const BUFFER: Rule = rule(
    "buffer",
    "use the buffer that RECORD_PIPE names, if its device, inode, size, seals and header are right, and no other",
);
pub(crate) const CLAIM: Rule = rule(
    "claim",
    "change owner from 0 to 2^32 + the instance that all frames have, and set the ring's bit before the first entry",
);
pub(crate) const HEAD: Rule = rule(
    "head",
    "store the end of the last entry as head, a multiple of 8, after there was room up to there",
);
pub(crate) const ENTRY: Rule = rule(
    "entry",
    "keep an entry before the ring's end, and a frame within 64 KiB of payload and a quarter of the ring",
);
pub(crate) const JUMP: Rule = rule(
    "jump",
    "jump only before the ring's start, and store head once the entry after the jump is whole",
);
pub(crate) const ORDER: Rule = rule(
    "order",
    "take the ticket of each entry from the counter by an atomic addition; only a writer that is alone may write 0",
);
pub(crate) const ONE_WAY: Rule = rule(
    "one-way",
    "send every frame through rings and only bells through the pipe, until the rings are given back",
);
pub(crate) const BELL: Rule = rule(
    "bell",
    "load the bell after each commit and a full fence, and write a bell to the pipe if it is odd",
);
pub(crate) const RELEASE: Rule = rule(
    "release",
    "store 1 to released after the last entry of a ring, at the end of the process or of its thread",
);
pub(crate) const WORDS: Rule = rule(
    "words",
    "change no words but head, waiting, owner, released, dropped, awaited, ticket and claimed",
);

/// A place at which the program did not follow a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: Place,
    rule: &'static Rule,
    text: String,
}

impl Finding {
    pub(crate) fn new(place: Place, rule: &'static Rule, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { place, rule, text }
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Returns the same finding at another place, with its own in the text.
    pub(crate) fn moved(self, place: Place, own: &str) -> Self {
        let text = format!("{} {own}", self.text);
        Self {
            place,
            text,
            ..self
        }
    }

    pub(crate) fn rule(&self) -> &'static Rule {
        self.rule
    }
}

/// `offset 123: rule: what is wrong; what to do`, or `ring 0 position 40: ..`. The text never quotes bytes of the stream.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { name, advice } = self.rule;
        write!(f, "{}: {name}: {}; {advice}", self.place, self.text)
    }
}
