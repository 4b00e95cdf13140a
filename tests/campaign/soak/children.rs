//! The children of a soak.

use std::time::Duration;

use fastrand::Rng;

use crate::{
    death::Death,
    plan::{Choice, Delivery, Hold, Plan, Sizes},
    random::of_any_magnitude,
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// As in the campaign of kills: all deliveries and deaths, with forks and large records.
    Hot,
    /// A few records a second.
    Slow,
    /// Stopped for a while.
    Held,
    /// Its parent's logger is slow.
    SlowLogger,
    Python,
    Hostile,
}

/// The kinds of the children that live at the same time. There are those in Python if `PYTHON` names it.
pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    let rust = [
        Kind::Hot,
        Kind::Hot,
        Kind::Slow,
        Kind::Slow,
        Kind::Held,
        Kind::SlowLogger,
        Kind::Hostile,
    ];
    let python = std::env::var_os("PYTHON").map(|_| Kind::Python);
    rust.into_iter().chain(python)
}

/// Draws a plan that takes at most a small part of the soak; `None` for a hostile child.
pub(super) fn plan(kind: Kind, random: &mut Rng, length: Duration) -> Option<Plan> {
    let mut plan = match kind {
        Kind::Hot => Plan::draw(random, &choice(20_000)),
        Kind::Slow => slow(random, length),
        Kind::Held => held(random),
        Kind::SlowLogger => Plan {
            logger_micros: of_any_magnitude(random, 5_000),
            ..Plan::draw(random, &choice(5_000))
        },
        Kind::Python => {
            let deliveries = vec![Delivery::PythonPipe, Delivery::PythonShared];
            let choice = Choice {
                deliveries,
                ..choice(2_000)
            };
            Plan::draw(random, &choice)
        }
        Kind::Hostile => return None,
    };
    // That would stop the soak.
    plan.stop = None;
    Some(plan)
}

fn slow(random: &mut Rng, length: Duration) -> Plan {
    let mut plan = Plan::draw(random, &choice(200));
    let longest = (length / 20).min(Duration::from_secs(20));
    plan.sizes = Sizes::Mixed;
    let records = plan.members.iter().map(|member| member.records).max();
    let pause = longest.as_micros() / u128::from(records.unwrap_or(1));
    plan.pause_micros = u64::try_from(pause).expect("a short time").max(1);
    plan
}

fn held(random: &mut Rng) -> Plan {
    let plan = Plan::draw(random, &choice(20_000));
    let hold = Hold {
        member: random.usize(..plan.members.len()),
        after_micros: of_any_magnitude(random, 30_000),
        millis: of_any_magnitude(random, 3_000),
    };
    Plan {
        hold: Some(hold),
        ..plan
    }
}

fn choice(records: u64) -> Choice {
    Choice {
        deliveries: vec![
            Delivery::Direct,
            Delivery::Dropping,
            Delivery::Waiting,
            Delivery::Shared,
            Delivery::Shared,
            Delivery::SharedDropping,
            Delivery::SharedWaiting,
        ],
        deaths: Death::ALL.to_vec(),
        records,
        stop_millis: 0,
    }
}
