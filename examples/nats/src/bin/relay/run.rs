//! One run of the relay: connects, starts the child, forwards until its end, and waits for the acknowledgements.

use std::{io, pin::pin, process::ExitStatus, time::Duration};

use nats_relay::RelayStart;
use pipe_subscriber::{PipeSubscriber, Spawn, Streams};
use tokio::{
    process::{Child, Command},
    select,
    time::{sleep, timeout},
};

use crate::{
    batcher::Batcher,
    forwarder::{Forwarded, Forwarder},
    link::Link,
    options::Options,
    presence::Presence,
    publisher::Publisher,
    stream,
    support::{
        exit_codes::{OWN_FAILURE, exit_code, not_started},
        signals::{Signals, keep_sigpipe_ignored},
    },
    trouble::say,
};

/// After the wait for the end of the pipe was given up: how long the reading of its contents may take.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// If frames are not acknowledged in time, how long the last message may take, which says how many they are.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(2);

/// Runs the child and returns the exit code.
///
/// # Errors
///
/// What is wrong before the child is started. A child that runs is never stopped by a trouble of the relay.
pub(crate) async fn run(options: Options, mut signals: Signals) -> Result<u8, String> {
    let address = options.address()?;
    let relay = RelayStart::random()
        .map_err(|error| format!("the system has no random numbers: {error}"))?;
    let name = format!("relay {} {}", address.host, address.label);
    let in_flight = Publisher::in_flight(options.window);
    let link = Link::connect(&options.server, &name, in_flight)
        .await
        .map_err(|error| error.to_string())?;
    let stream = stream::open(&link, &options.stream, &address, options.create_stream).await?;
    let previous = stream::previous(&stream, &address).await?;
    stream::warn_of_many_labels(&stream, &address).await;

    let (mut child, logs) = match spawn(&options) {
        Ok(spawned) => spawned,
        Err(error) => {
            say(format_args!(
                "cannot start {}: {error}",
                options.command[0].display()
            ));
            return Ok(not_started(&error));
        }
    };
    let pid = child.id().unwrap_or_default();
    let presence = Presence::begin(&link, &address, relay, previous, pid);
    let publisher = Publisher::new(link.clone(), options.window);
    let mut forwarder = Forwarder::new(
        logs.frames(),
        Batcher::new(relay, pid, options.per_record, options.batch_delay()),
        publisher.clone(),
        presence,
        link.clone(),
        (address, options.per_record),
    );
    let status = forward_until_exit(&mut forwarder, &mut child, &mut signals).await;
    let mut patience = Patience {
        publisher,
        limit: options.drain_limit(),
        signals,
        has_ended: false,
    };
    forward_rest(&mut forwarder, &mut patience).await;
    Ok(end(forwarder.stop(), status, &link, patience).await)
}

fn spawn(options: &Options) -> io::Result<(Child, PipeSubscriber)> {
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    keep_sigpipe_ignored(&mut command);
    let mut spawn = Spawn::new(command)
        .filter(&options.filter)
        .grace(options.grace());
    if let Some(bytes) = options.buffer {
        spawn = spawn.buffer(bytes);
    }
    if options.capture {
        spawn = spawn.capture(Streams::both().recognise_levels());
    }
    spawn.spawn()
}

/// Forwards and waits for the child's exit at the same time: a child that waits for room in its pipe would otherwise never
/// exit.
async fn forward_until_exit(
    forwarder: &mut Forwarder,
    child: &mut Child,
    signals: &mut Signals,
) -> io::Result<ExitStatus> {
    let mut exit = pin!(signals.wait_for(child));
    select! {
        status = &mut exit => status,
        () = forwarder.forward() => exit.await,
    }
}

/// How long to wait after the child's exit: until nothing was acknowledged for so long, or until a termination signal asks
/// not to wait.
struct Patience {
    publisher: Publisher,
    limit: Duration,
    signals: Signals,
    has_ended: bool,
}

impl Patience {
    async fn ends(&mut self) {
        if self.has_ended {
            return;
        }
        select! {
            () = self.publisher.stalled(self.limit) => {}
            () = self.signals.wait_for_termination() => {}
        }
        self.has_ended = true;
    }
}

/// Forwards the rest up to the end of the pipe.
async fn forward_rest(forwarder: &mut Forwarder, patience: &mut Patience) {
    select! {
        () = forwarder.forward() => return,
        () = patience.ends() => {}
    }
    // What is in the pipe already, if the server takes it. The rest is counted.
    let _in_time = timeout(REST_LIMIT, forwarder.forward()).await;
    let _in_time = timeout(REST_LIMIT, forwarder.count_rest()).await;
}

/// Waits for the acknowledgements, publishes that the run has ended, and prints the result. Returns the exit code.
async fn end(
    forwarded: Forwarded,
    status: io::Result<ExitStatus>,
    link: &Link,
    mut patience: Patience,
) -> u8 {
    let (summary, read_error) = match forwarded.summary {
        Ok(summary) => (summary, None),
        Err(error) => (*error.summary, Some(error.source)),
    };
    let (summary, exit) = match &status {
        Ok(status) => (summary.with_exit_status(*status), status.to_string()),
        Err(error) => (summary, format!("unknown: {error}")),
    };
    let publisher = patience.publisher.clone();
    let is_drained = select! {
        () = publisher.drained() => true,
        () = patience.ends() => false,
    };
    let unsent = forwarded.unpublished + publisher.unacknowledged();
    let last_word = forwarded
        .presence
        .end(exit, forwarded.last, unsent, &summary);
    let limit = if is_drained {
        patience.limit
    } else {
        LAST_WORD_LIMIT
    };
    let is_told = select! {
        () = last_word => true,
        () = sleep(limit) => false,
        () = patience.signals.wait_for_termination() => false,
    };

    let frames = forwarded.last.map_or(0, |last| last + 1);
    say(format_args!(
        "{summary}; {} of {frames} frames acknowledged",
        frames - unsent
    ));
    if unsent > 0 {
        say(format_args!(
            "{unsent} frames are not acknowledged, and may be lost"
        ));
    } else if !is_told {
        say("the message that this run has ended is not acknowledged");
    }
    if unsent > 0 || !is_told {
        link.trouble
            .lasting()
            .iter()
            .for_each(|text| say(format_args!("because {text}")));
    }
    if let Some(error) = &read_error {
        say(format_args!("reading the child's pipe failed: {error}"));
    }
    match status {
        Ok(status) if unsent == 0 && is_told && read_error.is_none() => exit_code(status),
        _ => OWN_FAILURE,
    }
}
