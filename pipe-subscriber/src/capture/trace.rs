//! `Trace`: which lines belong to a panic, a traceback or a stack trace: a small state machine for each kind.
//!
//! Indentation is not enough, because the line that matters often has none: the message of a Rust panic, the last line
//! of a Python traceback, `Caused by:`, the functions of a Go trace.

use log::Level;

/// The place within a trace, or within the lines of a record that has a recognised level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trace {
    /// Nothing can follow.
    #[default]
    None,
    /// An ordinary line with a recognised level: indented lines may follow.
    Line,
    /// The same with a level of at least warn: a trace may follow too.
    SevereLine,
    /// Indented lines may follow.
    Indented,
    /// `thread 'main' panicked at src/main.rs:2:5:`, before its message.
    RustMessage,
    Rust,
    /// The frames of a Python traceback, before its last line.
    PythonFrames,
    /// After the last line of a Python traceback, before another one that came of it.
    Python,
    /// The line between two Python tracebacks, or a line that announces one.
    PythonNext,
    Java,
    /// `panic: ...`, before the first goroutine.
    GoPanic,
    GoFrames,
    /// `/app/main.js:1`, before the line of source.
    NodeSource,
    /// Before the mark under the line of source.
    NodeMark,
    /// Before the stack.
    NodeMessage,
    Node,
    /// `Error: ...` of Node, Rust's `main`, and others.
    Error,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to the lines before it.
    Joins(Trace),
    /// It begins something new.
    Ends,
}

impl Trace {
    /// Returns the place after a line that begins no trace.
    pub(super) fn after_line(level: Option<Level>) -> Self {
        match level {
            None => Self::None,
            Some(level) if level <= Level::Warn => Self::SevereLine,
            Some(_) => Self::Line,
        }
    }

    /// Returns the trace that a line begins, or `None`.
    pub(super) fn begun_by(line: &str) -> Self {
        let starts = |prefix| line.starts_with(prefix);
        if starts("thread '") && line.contains(" panicked at ") {
            // Before Rust 1.73 the message was on the same line.
            return if line.ends_with(':') {
                Self::RustMessage
            } else {
                Self::Rust
            };
        }
        if starts("thread '") && line.contains(" has overflowed its stack") {
            return Self::Rust;
        }
        if let Some(trace) = python_trace(line) {
            return trace;
        }
        if starts("Exception in thread \"") || starts("Caused by: ") || is_java_exception(line) {
            return Self::Java;
        }
        if starts("panic: ") || starts("fatal error: ") || line.contains(" http: panic serving ") {
            return Self::GoPanic;
        }
        if is_goroutine(line) {
            return Self::GoFrames;
        }
        if is_script_location(line) {
            return Self::NodeSource;
        }
        if is_error(line) {
            Self::Error
        } else {
            Self::None
        }
    }

    /// Returns whether more lines probably follow soon, so that those before them wait.
    pub(super) fn waits(self) -> bool {
        !matches!(self, Self::None | Self::Line | Self::SevereLine)
    }

    /// Decides about the next line, which is not empty. `after_gap` says that empty lines came before it.
    pub(super) fn step(self, line: &str, after_gap: bool) -> Step {
        let next = match self {
            Self::None => None,
            Self::Line => (is_indented(line) && !after_gap).then_some(self),
            Self::SevereLine => after_severe_line(line, after_gap),
            Self::Indented => is_indented(line).then_some(self),
            Self::RustMessage => Some(Self::Rust),
            Self::Rust => has(line, &RUST).then_some(self),
            Self::PythonFrames if is_indented(line) => Some(self),
            Self::PythonFrames => (!after_gap).then_some(Self::Python),
            Self::Python if has(line, &PYTHON_LINKS) => Some(Self::PythonNext),
            Self::Python => (is_indented(line) && !after_gap).then_some(self),
            Self::PythonNext => Some(Self::begun_by(line))
                .filter(|next| [Self::PythonFrames, Self::Indented].contains(next)),
            Self::Java => (has(line, &["Caused by: "]) && !after_gap).then_some(self),
            Self::GoPanic if is_goroutine(line) => Some(Self::GoFrames),
            Self::GoPanic => has(line, &GO_PANIC).then_some(self),
            Self::GoFrames => is_go_frame(line).then_some(self),
            Self::NodeSource => Some(Self::NodeMark),
            Self::NodeMark => is_mark(line).then_some(Self::NodeMessage),
            Self::NodeMessage if is_indented(line) => Some(Self::Node),
            Self::NodeMessage if has(line, &NODE) => Some(Self::Node),
            Self::NodeMessage => Some(self),
            Self::Node => has(line, &NODE).then_some(self),
            Self::Error => has(line, &ERROR).then_some(self),
        };
        next.map_or(Step::Ends, Step::Joins)
    }
}

const RUST: [&str; 7] = [
    "note: ",
    "stack backtrace:",
    "fatal runtime error:",
    "Caused by:",
    "Location:",
    "Backtrace:",
    "Stack backtrace:",
];

const PYTHON_LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

const GO_PANIC: [&str; 4] = ["[signal ", "panic: ", "runtime stack:", "[recovered]"];

const NODE: [&str; 5] = ["}", "]", "Node.js v", "(Use `node ", "Caused by:"];

const ERROR: [&str; 7] = [
    "}",
    "]",
    "Caused by:",
    "Location:",
    "Stack backtrace:",
    "Backtrace:",
    "Node.js v",
];

/// Returns the trace that a line of Python begins.
fn python_trace(line: &str) -> Option<Trace> {
    let starts = |prefix| line.starts_with(prefix);
    if starts("Traceback (most recent call last):") || starts("  File \"") {
        return Some(Trace::PythonFrames);
    }
    if line
        .trim_start()
        .starts_with("+ Exception Group Traceback ")
    {
        return Some(Trace::Indented);
    }
    // A Java trace has a quote before the name of the thread.
    let is_thread = starts("Exception in thread ") && !starts("Exception in thread \"");
    (is_thread || starts("Exception ignored in: ")).then_some(Trace::PythonNext)
}

/// Returns whether a line is indented or begins with one of these texts.
fn has(line: &str, beginnings: &[&str]) -> bool {
    is_indented(line) || beginnings.iter().any(|text| line.starts_with(text))
}

fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// Returns the trace after a warning or an error: a program that logs an exception writes the message first.
fn after_severe_line(line: &str, after_gap: bool) -> Option<Trace> {
    if after_gap {
        // As Rust's `{:?}` of an error with sources prints it.
        return line.starts_with("Caused by:").then_some(Trace::Error);
    }
    if is_indented(line) {
        return Some(Trace::SevereLine);
    }
    let begun = Trace::begun_by(line);
    let follows = matches!(begun, Trace::PythonFrames | Trace::Java | Trace::GoFrames);
    follows.then_some(begun)
}

/// Returns whether a line is `package.Class` of an exception, alone or before a colon.
fn is_java_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let Some((package, class)) = name.rsplit_once('.') else {
        return false;
    };
    let is_package = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_$".contains(c))
    };
    let is_thrown = ["Exception", "Error", "Throwable"]
        .iter()
        .any(|end| class.ends_with(end));
    is_thrown
        && class.starts_with(|first: char| first.is_ascii_uppercase())
        && class
            .chars()
            .all(|c| c.is_alphanumeric() || "_$".contains(c))
        && package.split('.').all(is_package)
}

/// Returns whether a line is `goroutine 1 [running]:`.
fn is_goroutine(line: &str) -> bool {
    line.strip_prefix("goroutine ").is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit()) && rest.ends_with("]:")
    })
}

/// Returns whether a line may be part of a Go trace: a function with its arguments, or its place in the source.
fn is_go_frame(line: &str) -> bool {
    has(
        line,
        &["created by ", "exit status ", "runtime stack:", "..."],
    ) || is_goroutine(line)
        || line.ends_with(')') && line.contains('(') && !line.starts_with('(')
}

/// Returns whether a line is `/app/main.js:1` or `node:internal/modules:1`.
fn is_script_location(line: &str) -> bool {
    let Some((path, number)) = line.rsplit_once(':') else {
        return false;
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_script = [".js", ".mjs", ".cjs", ".ts"]
        .iter()
        .any(|end| path.ends_with(end));
    is_number && !path.contains(' ') && (is_script || path.starts_with("node:"))
}

/// Returns whether a line is the mark under a line of source: `    ^^^`.
fn is_mark(line: &str) -> bool {
    line.contains('^') && line.chars().all(|c| " \t^~".contains(c))
}

/// Returns whether a line is `Error: ...`, `TypeError [CODE]: ...`, `Uncaught RangeError: ...` or the like.
fn is_error(line: &str) -> bool {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let name = line.split([':', ' ']).next().unwrap_or_default();
    let rest = &line[name.len()..];
    (name.ends_with("Error") || name.ends_with("Exception"))
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && (rest.starts_with(": ") || rest.starts_with(" ["))
}
