//! The records that are logged.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

/// With seven digits the reference message has 56 bytes.
pub const FIRST_JOB: u64 = 1_000_000;

const TARGET: &str = "worker::job";
const NAME: &str = "alpha-7";

/// Logs one record; its number is the argument.
pub type Emit = Box<dyn Fn(u64) + Send + Sync>;

/// What a record looks like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// A message of 56 bytes formatted from two arguments, and two key-values.
    Reference,
    /// The same message and so many integers as key-values.
    KeyValues(usize),
    /// A message of so many bytes, no key-values.
    Message(usize),
}

impl Shape {
    /// How records of this shape are logged where `reference` logs the reference record.
    pub fn emit(self, reference: Emit) -> Emit {
        match self {
            Shape::Reference => reference,
            Shape::KeyValues(count) => Box::new(move |job| with_key_values(job, count)),
            Shape::Message(bytes) => {
                let text = "x".repeat(bytes);
                Box::new(move |_| log::info!(target: TARGET, "{}", text))
            }
        }
    }
}

/// The reference record through `log`.
pub fn by_log(job: u64) {
    log::info!(target: TARGET, job, name = NAME; "finished job {} for tenant {} with status done", job, NAME);
}

/// For loggers that drop key-values: the same in the text.
pub fn by_log_as_text(job: u64) {
    log::info!(
        target: TARGET,
        "finished job {} for tenant {} with status done job={} name={}", job, NAME, job, NAME
    );
}

/// The reference record through `tracing`.
pub fn by_tracing(job: u64) {
    tracing::info!(target: TARGET, job, name = NAME, "finished job {} for tenant {} with status done", job, NAME);
}

/// The reference record through `slog`.
pub fn by_slog(logger: &slog::Logger, job: u64) {
    slog::info!(
        logger, #TARGET, "finished job {} for tenant {} with status done", job, NAME;
        "job" => job, "name" => NAME
    );
}

/// The reference record below the level that is let through.
pub fn disabled(job: u64) {
    log::debug!(target: TARGET, job, name = NAME; "finished job {} for tenant {} with status done", job, NAME);
}

/// Calls `f` with the reference record, as a logger gets it.
pub fn with_record(job: u64, f: impl FnOnce(&log::Record<'_>)) {
    let key_values: [(&str, log::kv::Value<'_>); 2] = [("job", job.into()), ("name", NAME.into())];
    f(&log::Record::builder()
        .level(log::Level::Info)
        .target(TARGET)
        .args(format_args!(
            "finished job {job} for tenant {NAME} with status done"
        ))
        .module_path_static(Some(module_path!()))
        .file_static(Some(file!()))
        .line(Some(line!()))
        .key_values(&key_values)
        .build());
}

/// The same with a text for a message, as a parent has it.
pub fn with_ready_record(job: u64, f: impl FnOnce(&log::Record<'_>)) {
    let message = black_box("finished job 1000000 for tenant alpha-7 with status done");
    let key_values: [(&str, log::kv::Value<'_>); 2] = [("job", job.into()), ("name", NAME.into())];
    f(&log::Record::builder()
        .level(log::Level::Info)
        .target(TARGET)
        .args(format_args!("{message}"))
        .module_path(Some(module_path!()))
        .file(Some(file!()))
        .line(Some(line!()))
        .key_values(&key_values)
        .build());
}

fn with_key_values(job: u64, count: usize) {
    const KEYS: [&str; 32] = [
        "k00", "k01", "k02", "k03", "k04", "k05", "k06", "k07", "k08", "k09", "k10", "k11", "k12",
        "k13", "k14", "k15", "k16", "k17", "k18", "k19", "k20", "k21", "k22", "k23", "k24", "k25",
        "k26", "k27", "k28", "k29", "k30", "k31",
    ];
    let pairs = KEYS.map(|key| (key, job));
    log::logger().log(
        &log::Record::builder()
            .level(log::Level::Info)
            .target(TARGET)
            .args(format_args!(
                "finished job {job} for tenant {NAME} with status done"
            ))
            .module_path_static(Some(module_path!()))
            .file_static(Some(file!()))
            .line(Some(line!()))
            .key_values(&&pairs[..count.min(KEYS.len())])
            .build(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_56_bytes() {
        with_record(FIRST_JOB, |record| {
            assert_eq!(record.args().to_string().len(), 56);
            assert_eq!(record.key_values().count(), 2);
        });
    }
}
