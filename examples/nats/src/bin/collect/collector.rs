//! `Collector`: reads, dispatches, and stores the position.

use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use log::Log;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    engine::{Engine, Item, Message},
    failure::Failure,
    leadership::Leadership,
    link::Link,
    options::Options,
    position::Position,
    reader::{Reader, Start},
    report::Report,
    sink::Sink,
    stop::Stop,
    store::Store,
};

/// How often time passes for the engine if no message comes.
const TICK: Duration = Duration::from_millis(50);
/// How many messages or items are handled before other work.
const ROUND: usize = 4096;

/// Everything of a run.
pub(crate) struct Collector<'l> {
    engine: Engine,
    reader: Reader,
    sink: Sink<'l>,
    stop: Stop,
    link: Link,
    /// `None` if nothing is stored.
    position: Option<Position>,
    /// Messages of hosts without a stored position are left out if they were stored before this.
    since: u64,
    last_message: Instant,
}

impl<'l> Collector<'l> {
    /// Connects, and waits for this collector's turn. Returns `None` if it was stopped before.
    ///
    /// # Errors
    ///
    /// If there is no connection, no stream, no permission, or a position that cannot be read.
    pub(crate) async fn start(
        options: &Options,
        mut stop: Stop,
        logger: &'l dyn Log,
    ) -> Result<Option<Self>, Failure> {
        let link = Link::open(&options.server).await?;
        let stream = link.stream(&options.stream).await?;
        let filters = options.filters();
        let mut engine = Engine::new(options.subject_prefix.clone(), options.times());
        let mut start = options.since.map_or(Start::Beginning, Start::Time);
        let mut position = None;
        if !options.replay {
            let mut leadership = Leadership::open(&link, &stream, &options.name, &filters).await?;
            if options.standby && !wait(&mut leadership, &mut stop).await {
                return Ok(None);
            }
            let mut store =
                Store::open(&link, &format!("{}-{}", options.name, options.stream)).await?;
            for (host, stored) in store.take_over().await? {
                engine.restore(&host, stored);
            }
            if let Some(done) = store.done() {
                let last = stream
                    .get_info()
                    .await
                    .map_or(u64::MAX, |info| info.state.last_sequence);
                check_stream(options, done, last)?;
                start = Start::Sequence(done + 1);
            }
            position = Some(Position::new(store, leadership, options.checkpoint()));
        }
        let reader = Reader::open(&link, &stream, &filters, start).await?;
        let sink = Sink::new(options.format, options.time, logger)?;
        let (since, last_message) = (options.since_nanoseconds(), Instant::now());
        Ok(Some(Self {
            engine,
            reader,
            sink,
            stop,
            link,
            position,
            since,
            last_message,
        }))
    }

    /// Reads until SIGINT or SIGTERM, or in a replay until the end of the stream. Then everything that was read is
    /// dispatched, except what waits for a hole, and the accounts are printed.
    ///
    /// # Errors
    ///
    /// If another collector has taken over, or records cannot be put out.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        self.read().await?;
        self.finish().await?;
        let report = Report::new(&self.engine.hosts(), self.engine.foreign());
        Ok(self.sink.report(&report)?)
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.position.is_none() && self.reader.is_at_end() {
                return Ok(());
            }
            let leadership: OptionFuture<_> = self
                .position
                .as_mut()
                .map(|position| position.leadership.next())
                .into();
            tokio::select! {
                () = self.stop.requested() => return Ok(()),
                message = self.reader.next() => self.receive(message).await?,
                Some(()) = leadership => continue,
                _ = tick.tick() => self.tick(),
            }
            self.dispatch(Engine::next).await?;
            if let Some(position) = &mut self.position {
                position.write_if_due(&mut self.engine).await?;
            }
        }
    }

    /// Receives a message, and those that are there already.
    async fn receive(&mut self, message: Message) -> Result<(), Failure> {
        let mut next = Some(message);
        let mut count = 0;
        while let Some(message) = next {
            if self.is_wanted(&message).await? {
                self.engine.receive(message);
            }
            count += 1;
            next = if count < ROUND / 64 {
                self.reader.next_now()
            } else {
                None
            };
        }
        self.last_message = Instant::now();
        Ok(())
    }

    /// Returns whether a message is to be received. The position of a host that is not known is looked up.
    async fn is_wanted(&mut self, message: &Message) -> Result<bool, Failure> {
        let Some(host) = self.engine.new_host(message) else {
            return Ok(true);
        };
        if let Some(position) = &mut self.position
            && let Some(stored) = position.store.take_over_host(&host).await?
        {
            self.engine.restore(&host, stored);
            return Ok(true);
        }
        Ok(message.stored >= self.since)
    }

    fn tick(&mut self) {
        let passed = self.last_message.elapsed();
        self.last_message = Instant::now();
        if self.reader.is_at_end() && self.link.is_connected() {
            self.engine.idle(passed);
        }
        self.engine.tick();
    }

    /// Dispatches what `next` returns.
    async fn dispatch(
        &mut self,
        next: fn(&mut Engine) -> Option<(Item, bool)>,
    ) -> Result<(), Failure> {
        loop {
            let ready: Vec<_> = std::iter::from_fn(|| next(&mut self.engine))
                .take(ROUND)
                .collect();
            if ready.is_empty() {
                break;
            }
            if let Some(position) = &mut self.position {
                position.open_up_to(&mut self.engine, &ready).await?;
            }
            for (item, is_late) in &ready {
                let mut put_out = None;
                if let Some((origin, record)) = self.engine.dispatch(item, *is_late) {
                    put_out = Some(self.sink.record(origin, &record).await);
                }
                put_out.transpose()?;
            }
            self.sink.flush().await?;
        }
        for notice in self.engine.take_notices() {
            self.sink.notice(&notice)?;
        }
        self.sink.flush().await?;
        Ok(())
    }

    /// Dispatches everything that has been read, and stores the position.
    async fn finish(&mut self) -> Result<(), Failure> {
        self.dispatch(Engine::next_of_all).await?;
        if let Some(position) = &mut self.position {
            position.finish(&mut self.engine).await?;
            self.link.flush().await;
        }
        Ok(())
    }
}

/// Waits for this collector's turn. Returns whether it has come; else the collector was stopped.
async fn wait(leadership: &mut Leadership, stop: &mut Stop) -> bool {
    crate::support::stdio::eprint_line(
        "collect: on standby, until no other collector of this name reads",
    );
    tokio::select! {
        () = stop.requested() => false,
        () = leadership.next() => {
            crate::support::stdio::eprint_line("collect: reading");
            true
        }
    }
}

fn check_stream(options: &Options, done: u64, last: u64) -> Result<(), Failure> {
    if done <= last {
        return Ok(());
    }
    Err(Failure(format!(
        "the stream {} has messages up to {last}, and the stored position is {done}: the stream was deleted and made again. \
         Give another --name, or delete the bucket {}-{} to begin again",
        options.stream, options.name, options.stream
    )))
}
