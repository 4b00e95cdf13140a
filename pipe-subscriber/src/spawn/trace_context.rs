//! `TraceContext`: the variables that carry the context of a trace into a child.

use std::process::Command;

/// The names of the environment-variable carrier of OpenTelemetry, whose values have the formats of W3C Trace Context
/// and W3C Baggage.
const VARIABLES: [&str; 3] = ["TRACEPARENT", "TRACESTATE", "BAGGAGE"];

/// The values of the variables, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct TraceContext([Option<String>; 3]);

impl TraceContext {
    pub(super) fn new<N: AsRef<str>, V: Into<String>>(
        entries: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut context = Self::default();
        for (name, value) in entries {
            let is_named = |variable: &&str| variable.eq_ignore_ascii_case(name.as_ref());
            if let Some(position) = VARIABLES.iter().position(is_named) {
                context.0[position] = Some(value.into());
            }
        }
        context
    }

    /// Sets the variables that have a value, and removes the others.
    pub(super) fn pass_to(self, command: &mut Command) {
        for (variable, value) in VARIABLES.into_iter().zip(self.0) {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
    }
}
