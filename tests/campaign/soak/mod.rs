//! Long-lived parents, and children that come and go.

mod children;
mod parents;
mod report;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{task::JoinSet, time::sleep};

use self::{children::Kind, report::SoakReport};
use crate::{
    checker::{self, Verdict},
    hostile,
    process_stats::{ProcessStats, processor_time},
    random::{any_seed, of_trial},
    runtime, trial,
};

/// How much memory at rest may have grown, in KiB. Descriptors and threads may not have.
const REST_MARGIN: u64 = 4 * 1024;
/// How many maps the allocator may have more. A parent that forgets to unmap the buffers has thousands.
const MAPS_MARGIN: u64 = 16;
/// How much memory under load may have grown: the larger of this many KiB and this part of it.
const MARGIN: u64 = 4 * 1024;
const MARGIN_PART: u64 = 10;
/// The same for a run too short to warm up: the memory that several streams may need at once.
const COLD_MARGIN: u64 = 16 * 1024;
/// The load with which a tenth of the time is enough to warm up.
const USUAL_LOAD: f64 = 0.25;
/// The shortest warm-up, in a run of at least twice the time.
const WARM_UP: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Instead of minutes
    #[arg(long)]
    seconds: Option<u64>,
    /// How many parents live at the same time
    #[arg(long, default_value_t = 1)]
    parents: u64,
    /// The part of one processor that all parents and children may take together
    #[arg(long, default_value_t = USUAL_LOAD)]
    load: f64,
    #[arg(long)]
    seed: Option<u64>,
}

/// The state that all loops of children share.
struct Soak {
    seed: u64,
    load: f64,
    length: Duration,
    began: Instant,
    /// The processor time of this process before the soak.
    before: Duration,
    next: AtomicU64,
    over: AtomicBool,
    report: SoakReport,
}

/// Returns whether nothing has grown and every promise was kept.
pub(crate) fn run(options: &Options) -> bool {
    if options.parents > 1 {
        return parents::run(options, options.parents).expect("processes");
    }
    let soak = Arc::new(Soak {
        seed: options.seed.unwrap_or_else(any_seed),
        load: options.load,
        length: options.length(),
        began: Instant::now(),
        before: processor_time(),
        next: AtomicU64::new(0),
        over: AtomicBool::new(false),
        report: SoakReport::default(),
    });
    println!("--seed {}, load {} of a processor", soak.seed, soak.load);
    let is_good = runtime().block_on(soak.live());
    is_good.expect("/proc/self is readable")
}

impl Options {
    fn length(&self) -> Duration {
        let minutes = Duration::from_secs(60 * self.minutes);
        self.seconds.map_or(minutes, Duration::from_secs)
    }
}

impl Soak {
    async fn live(self: Arc<Self>) -> io::Result<bool> {
        let news = tokio::spawn(Arc::clone(&self).tell());
        // A parent with less to do takes longer to have the memory that it needs.
        let warm_up = (self.length / 10).mul_f64((USUAL_LOAD / self.load).max(1.0));
        let most = self.length / 2;
        let warm_up = warm_up.clamp(WARM_UP.min(most), most);
        self.children_until(warm_up).await;
        let before = (self.report.usual_memory(), ProcessStats::at_rest()?);
        println!("warm after {warm_up:?}: at rest {}", before.1);
        self.report.forget_memory();
        self.children_until(self.length).await;
        let after = (self.report.usual_memory(), ProcessStats::at_rest()?);
        self.over.store(true, Relaxed);
        news.await?;
        Ok(self.conclude(before, after))
    }

    /// Starts children until then and waits for the last of them.
    async fn children_until(self: &Arc<Self>, until: Duration) {
        let mut rows = JoinSet::new();
        for kind in children::kinds() {
            let this = Arc::clone(self);
            rows.spawn(async move {
                while this.began.elapsed() < until {
                    this.wait_for_load(until).await;
                    this.one(kind).await;
                }
            });
        }
        while let Some(row) = rows.join_next().await {
            row.expect("no panic");
        }
    }

    /// Waits until the processor time is within the load.
    async fn wait_for_load(&self, until: Duration) {
        loop {
            let elapsed = self.began.elapsed();
            let taken = processor_time().saturating_sub(self.before);
            if taken <= elapsed.mul_f64(self.load) || elapsed >= until {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn one(&self, kind: Kind) {
        let number = self.next.fetch_add(1, Relaxed);
        let mut random = of_trial(self.seed, number);
        let Some(plan) = children::plan(kind, &mut random, self.length) else {
            let outcome = hostile::run(random.u64(..)).await;
            return self.report.add_hostile(outcome);
        };
        match trial::run(&plan).await {
            Ok(evidence) => {
                let verdict = checker::check(&plan, &evidence);
                self.report.add(&plan, &verdict, Some(&evidence.summary));
            }
            Err(error) => {
                let verdict: Verdict = checker::failed(&plan, &error);
                self.report.add(&plan, &verdict, None);
            }
        }
    }

    async fn tell(self: Arc<Self>) {
        const SECOND: Duration = Duration::from_secs(1);
        let mut minute = 1;
        while !self.over.load(Relaxed) {
            sleep(SECOND).await;
            let stats = ProcessStats::now().expect("/proc/self is readable");
            self.report.add_memory_of(stats);
            if self.began.elapsed() >= Duration::from_secs(60 * minute) {
                println!("{minute} min: {stats}, {}", self.report);
                minute += 1;
            }
        }
    }

    fn conclude(&self, before: (u64, ProcessStats), after: (u64, ProcessStats)) -> bool {
        let taken = processor_time().saturating_sub(self.before);
        println!("\n{}", self.report.table());
        println!("{}", self.report);
        println!("at rest, warm: {}", before.1);
        println!("at rest, end:  {}", after.1);
        println!(
            "usual memory under load: {} KiB, then {} KiB",
            before.0, after.0
        );
        println!(
            "{:.0?}, {:.2} of a processor; --seed {}",
            self.began.elapsed(),
            taken.as_secs_f64() / self.began.elapsed().as_secs_f64(),
            self.seed
        );
        let margin = match self.length < 2 * WARM_UP {
            true => COLD_MARGIN,
            false => MARGIN,
        };
        let has_grown = |what: &str, margin: u64, before: u64, after: u64| {
            let allowed = before + margin;
            let has = after > allowed;
            if has {
                println!("GROWN: {what} from {before} to {after} KiB; {allowed} are allowed");
            }
            has
        };
        let grown = [
            has_grown(
                "memory at rest",
                REST_MARGIN,
                before.1.memory,
                after.1.memory,
            ),
            has_grown(
                "memory under load",
                margin.max(before.0 / MARGIN_PART),
                before.0,
                after.0,
            ),
            more("descriptors", before.1.descriptors, after.1.descriptors),
            more("threads", before.1.threads, after.1.threads),
            more("maps", before.1.maps + MAPS_MARGIN, after.1.maps),
            more("maps of buffers", 0, after.1.buffers),
        ];
        self.report.is_good() && grown == [false; 6]
    }
}

fn more(what: &str, before: u64, after: u64) -> bool {
    if after > before {
        println!("GROWN: {what} at rest from {before} to {after}");
    }
    after > before
}
