//! What this project wants to reach, and what it has reached.

mod list;

use crate::{
    figures::Figures,
    table::{Table, number},
};

/// One figure of both deliveries.
struct Bar {
    text: &'static str,
    actual: Actual,
    direct: Goal,
    buffered: Goal,
}

/// Takes the name of the delivery; `None` where it was not measured.
type Actual = Box<dyn Fn(&Figures, &str) -> Option<f64>>;

#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
    /// The other delivery only.
    None,
}

pub fn table(figures: &Figures) -> Table {
    let mut table = Table::new(["figure", "delivery", "bar", "measured", ""]);
    for bar in list::all() {
        for (delivery, goal) in [("direct", bar.direct), ("buffered", bar.buffered)] {
            let Some(actual) = (bar.actual)(figures, delivery) else {
                continue;
            };
            if let Goal::None = goal {
                continue;
            }
            let verdict = if goal.is_met(actual) {
                "ok"
            } else {
                "**short**"
            };
            table.row([
                bar.text.to_owned(),
                delivery.to_owned(),
                goal.to_string(),
                number(actual),
                verdict.to_owned(),
            ]);
        }
    }
    table
}

fn bar(
    text: &'static str,
    direct: Goal,
    buffered: Goal,
    actual: impl Fn(&Figures, &str) -> Option<f64> + 'static,
) -> Bar {
    Bar {
        text,
        actual: Box::new(actual),
        direct,
        buffered,
    }
}

impl Goal {
    fn is_met(self, actual: f64) -> bool {
        match self {
            Goal::AtLeast(least) => actual >= least,
            Goal::AtMost(most) => actual <= most,
            Goal::Below(limit) => actual < limit,
            Goal::None => true,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::AtLeast(least) => write!(f, ">= {}", number(*least)),
            Goal::AtMost(most) => write!(f, "<= {}", number(*most)),
            Goal::Below(limit) => write!(f, "< {}", number(*limit)),
            Goal::None => Ok(()),
        }
    }
}
