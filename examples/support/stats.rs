//! Statistics of records: how many of each level there are, by target and by process.

use std::collections::HashMap;

use indicatif::HumanCount;
use log::Level;
use record_proto::LogRecord;

use super::{
    table::Table,
    text::{Escaped, process_name},
};

/// How many rows a table has; the last one stands for the rest.
const MAX_ROWS: usize = 20;
/// How many names are told apart. A child may use a new target for each record.
const MAX_NAMES: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Stats {
    by_target: HashMap<String, Counts>,
    by_process: HashMap<String, Counts>,
    all: Counts,
    /// The lowest and the highest time.
    times: Option<(u64, u64)>,
}

/// The number of records of each level.
#[derive(Debug, Default, Clone, Copy)]
struct Counts([u64; 5]);

impl Stats {
    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        let (first, last) = self.times.unwrap_or((record.time, record.time));
        self.times = Some((first.min(record.time), last.max(record.time)));
        self.all.add(record.level);
        count(&mut self.by_target, &record.target, record.level);
        count(&mut self.by_process, &process_name(record), record.level);
    }

    /// Returns the figures and tables as lines, without a newline at the end. `time` formats a time.
    pub(crate) fn report(&self, mut time: impl FnMut(u64) -> String) -> String {
        let Some((first, last)) = self.times else {
            return "no records".to_owned();
        };
        let seconds = (last - first) as f64 / 1e9;
        let count = match self.all.sum() {
            1 => "1 record".to_owned(),
            more => format!("{} records", HumanCount(more)),
        };
        let (first, last) = (time(first), time(last));
        let by_target = table("target", &self.by_target, self.all);
        let by_process = table("process", &self.by_process, self.all).to_string();
        format!(
            "{count} in {seconds:.3} s\nfrom {first}\nto   {last}\n\n{by_target}\n{}",
            by_process.trim_end()
        )
    }
}

impl Counts {
    fn add(&mut self, level: Level) {
        self.0[level as usize - 1] += 1;
    }

    fn sum(self) -> u64 {
        self.0.iter().sum()
    }
}

fn count(counts: &mut HashMap<String, Counts>, name: &str, level: Level) {
    let is_full = counts.len() >= MAX_NAMES;
    match counts.get_mut(name) {
        Some(counts) => counts.add(level),
        None if is_full => counts.entry("(more)".to_owned()).or_default().add(level),
        None => counts.entry(name.to_owned()).or_default().add(level),
    }
}

/// Returns a row for each name, the most frequent first, and one for all.
fn table(kind: &str, counts: &HashMap<String, Counts>, all: Counts) -> Table<7> {
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by(|a, b| b.1.sum().cmp(&a.1.sum()).then(a.0.cmp(b.0)));
    let mut table = Table::new([kind, "records", "error", "warn", "info", "debug", "trace"]);
    let mut push = |name: &str, counts: Counts| {
        let [error, warn, info, debug, trace] = counts.0;
        let numbers = [counts.sum(), error, warn, info, debug, trace];
        let [a, b, c, d, e, f] = numbers.map(|number| HumanCount(number).to_string());
        table.push([name.to_owned(), a, b, c, d, e, f]);
    };
    for (name, counts) in rows.iter().take(MAX_ROWS) {
        push(&Escaped(name).to_string(), **counts);
    }
    if rows.len() > MAX_ROWS {
        let mut rest = Counts::default();
        for (_, counts) in &rows[MAX_ROWS..] {
            rest.0
                .iter_mut()
                .zip(counts.0)
                .for_each(|(sum, count)| *sum += count);
        }
        push(&format!("{} others", rows.len() - MAX_ROWS), rest);
    }
    push("all", all);
    table
}
