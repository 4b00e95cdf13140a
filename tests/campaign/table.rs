//! The counters of a campaign, by delivery and death.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{death::Death, plan::Delivery};

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) deaths: u64,
    /// Log calls that began.
    pub(crate) logged: u64,
    /// Log calls that returned.
    pub(crate) acknowledged: u64,
    pub(crate) received: u64,
    /// Acknowledged, and neither received nor given up by the overflow policy.
    pub(crate) lost: u64,
    pub(crate) torn: u64,
    pub(crate) desynchronised: u64,
    /// Other faults of a stream.
    pub(crate) wrong: u64,
}

/// Written down as a list of rows, because JSON has no keys of two parts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Rows", into = "Rows")]
pub(crate) struct Table(BTreeMap<(Delivery, Death), Row>);

type Rows = Vec<((Delivery, Death), Row)>;

impl From<Rows> for Table {
    fn from(rows: Rows) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl From<Table> for Rows {
    fn from(table: Table) -> Self {
        table.0.into_iter().collect()
    }
}

impl Table {
    pub(crate) fn row(&mut self, delivery: Delivery, death: Death) -> &mut Row {
        self.0.entry((delivery, death)).or_default()
    }

    pub(crate) fn merge(&mut self, other: &Table) {
        for (&(delivery, death), row) in &other.0 {
            self.row(delivery, death).add(row);
        }
    }

    pub(crate) fn sum(&self) -> Row {
        self.sum_of(|_, _| true)
    }

    pub(crate) fn sum_of(&self, select: impl Fn(Delivery, Death) -> bool) -> Row {
        let mut sum = Row::default();
        for (&(delivery, death), row) in &self.0 {
            if select(delivery, death) {
                sum.add(row);
            }
        }
        sum
    }

    /// Returns how many processes died without an exit hook.
    pub(crate) fn kills(&self) -> u64 {
        self.sum_of(|_, death| !death.is_orderly()).deaths
    }

    /// Whether every counter that must be 0 is 0.
    pub(crate) fn is_good(&self) -> bool {
        let sum = self.sum();
        [sum.lost, sum.torn, sum.desynchronised, sum.wrong] == [0; 4]
    }
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.deaths += other.deaths;
        self.logged += other.logged;
        self.acknowledged += other.acknowledged;
        self.received += other.received;
        self.lost += other.lost;
        self.torn += other.torn;
        self.desynchronised += other.desynchronised;
        self.wrong += other.wrong;
    }

    fn figures(&self) -> [u64; 8] {
        [
            self.deaths,
            self.logged,
            self.acknowledged,
            self.received,
            self.lost,
            self.torn,
            self.desynchronised,
            self.wrong,
        ]
    }
}

/// Markdown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            "deaths",
            "logged",
            "acknowledged",
            "received",
            "acknowledged and lost",
            "torn",
            "desynchronised",
            "wrong",
        ];
        writeln!(f, "| delivery | death | {} |", columns.join(" | "))?;
        writeln!(f, "|---|---|{}", "---:|".repeat(columns.len()))?;
        for ((delivery, death), row) in &self.0 {
            line(f, &name(delivery), &name(death), row)?;
        }
        line(f, "all", "", &self.sum())
    }
}

fn line(f: &mut fmt::Formatter<'_>, one: &str, two: &str, row: &Row) -> fmt::Result {
    let figures = row.figures().map(|figure| figure.to_string());
    writeln!(f, "| {one} | {two} | {} |", figures.join(" | "))
}

fn name(value: &impl clap::ValueEnum) -> String {
    let name = value.to_possible_value().expect("nothing is skipped");
    name.get_name().to_owned()
}
