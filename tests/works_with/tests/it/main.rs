//! Runs a parent for each logger and reads what the logger has really written: its lines, what a terminal shows of
//! them, entries of a journal, what a collector of OpenTelemetry has received.

mod journald;
mod lines;
mod readme;
mod rotel;
mod support;
mod terminal;
