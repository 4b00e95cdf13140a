//! Processes that die in every way and at any moment, until enough have died.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use tokio::runtime::Runtime;

use crate::{
    checker::{self, Verdict},
    death::Death,
    plan::{Choice, Delivery, Plan},
    random::{any_seed, of_trial},
    stopped,
    table::Table,
    trial,
};

/// After so many trials that went wrong the campaign gives up.
const COMPLAINTS: usize = 8;
/// How often the campaign prints its progress.
const NEWS_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many processes are to die without an exit hook
    #[arg(long, default_value_t = 10_000)]
    kills: u64,
    /// Repeats the plans of an earlier campaign; from outside, moments stay what they are
    #[arg(long)]
    seed: Option<u64>,
    /// Only the trial of this number
    #[arg(long)]
    only: Option<u64>,
    /// Streams at the same time
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Records that one process logs at most
    #[arg(long, default_value_t = 20_000)]
    records: u64,
    /// How long a parent that is stopped stays so after the deaths
    #[arg(long, default_value_t = 50)]
    stop_millis: u64,
    /// Deliveries to choose from; three through a shared buffer: shared, shared-dropping, shared-waiting
    #[arg(long, alias = "delivery", value_delimiter = ',', default_values = ["direct", "direct", "dropping", "waiting"])]
    deliveries: Vec<Delivery>,
    /// Deaths to choose from; all by default
    #[arg(long, value_delimiter = ',')]
    deaths: Vec<Death>,
}

/// The state that all trials share.
struct Campaign {
    seed: u64,
    kills: u64,
    choice: Choice,
    began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    next: u64,
    table: Table,
    complaints: usize,
    last_news: Duration,
}

/// Returns whether every promise was kept.
pub(crate) fn run(options: Options, runtime: &Runtime) -> bool {
    let deaths = match options.deaths.is_empty() {
        true => Death::ALL.to_vec(),
        false => options.deaths,
    };
    let campaign = Campaign {
        seed: options.seed.unwrap_or_else(any_seed),
        kills: options.kills,
        choice: Choice {
            deliveries: options.deliveries,
            deaths,
            records: options.records,
            stop_millis: options.stop_millis,
        },
        began: Instant::now(),
        progress: Mutex::default(),
    };
    println!("--seed {}", campaign.seed);
    let campaign = Arc::new(campaign);
    match options.only {
        Some(number) => {
            println!("{:?}", campaign.plan(number));
            runtime.block_on(campaign.trial(number));
        }
        None => runtime.block_on(all(&campaign, options.at_once)),
    }
    campaign.conclude()
}

async fn all(campaign: &Arc<Campaign>, at_once: usize) {
    let rows: Vec<_> = (0..at_once.max(1))
        .map(|_| {
            let campaign = Arc::clone(campaign);
            tokio::spawn(async move {
                while let Some(number) = campaign.next() {
                    campaign.trial(number).await;
                }
            })
        })
        .collect();
    for row in rows {
        row.await.expect("no panic");
    }
}

impl Campaign {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<u64> {
        let mut progress = self.progress();
        let is_enough = progress.table.kills() >= self.kills || progress.complaints >= COMPLAINTS;
        progress.next += 1;
        (!is_enough).then_some(progress.next)
    }

    fn plan(&self, number: u64) -> Plan {
        Plan::draw(&mut of_trial(self.seed, number), &self.choice)
    }

    async fn trial(&self, number: u64) {
        let plan = self.plan(number);
        let verdict = match plan.stop {
            Some(stop) => stopped::run(&plan, stop).await,
            None => trial::run(&plan)
                .await
                .map(|evidence| checker::check(&plan, &evidence)),
        };
        let verdict = verdict.unwrap_or_else(|error| checker::failed(&plan, &error));
        self.add(number, &plan, &verdict);
    }

    fn add(&self, number: u64, plan: &Plan, verdict: &Verdict) {
        let mut progress = self.progress();
        progress.table.merge(&verdict.table);
        if !verdict.complaints.is_empty() {
            progress.complaints += 1;
            println!(
                "trial {number} (--seed {} --only {number}): {plan:?}",
                self.seed
            );
            verdict
                .complaints
                .iter()
                .for_each(|text| println!("  {text}"));
        }
        let elapsed = self.began.elapsed();
        if elapsed >= progress.last_news + NEWS_INTERVAL {
            progress.last_news = elapsed;
            let (kills, received) = (progress.table.kills(), progress.table.sum().received);
            println!("{:?}: {kills} kills, {received} records", elapsed);
        }
    }

    fn conclude(&self) -> bool {
        let progress = self.progress();
        let (table, sum) = (&progress.table, progress.table.sum());
        let lossless = table.sum_of(|delivery, _| delivery.is_lossless());
        println!("\n{table}");
        println!(
            "{} kills and {} orderly ends in {:.0?}; {} records logged, {} received",
            table.kills(),
            sum.deaths - table.kills(),
            self.began.elapsed(),
            sum.logged,
            sum.received,
        );
        println!(
            "direct and shared: {} acknowledged, {} of them lost; all: {} torn, {} desynchronised, {} wrong; --seed {}",
            lossless.acknowledged,
            lossless.lost,
            sum.torn,
            sum.desynchronised,
            sum.wrong,
            self.seed,
        );
        table.is_good() && sum.deaths > 0
    }
}
