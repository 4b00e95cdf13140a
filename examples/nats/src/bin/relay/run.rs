//! One run of the relay: connects, starts the child, forwards until its end, and waits for the acknowledgements.

use std::{future::Future, io, pin::pin, process::ExitStatus, time::Duration};

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

/// After a signal that ends the wait for the pipe: how long the reading of its contents may take.
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
    let mut forwarder = Forwarder::new(
        logs.frames(),
        Batcher::new(relay, pid, options.per_record),
        Publisher::new(link.clone(), options.window),
        presence,
        link.clone(),
        (address, options.per_record),
    );
    let status = forward_until_exit(&mut forwarder, &mut child, &mut signals).await;
    forward_rest(&mut forwarder, &mut signals).await;
    Ok(end(
        forwarder.stop(),
        status,
        &link,
        options.drain_limit(),
        &mut signals,
    )
    .await)
}

fn spawn(options: &Options) -> io::Result<(Child, PipeSubscriber)> {
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    keep_sigpipe_ignored(&mut command);
    let mut spawn = Spawn::new(command)
        .filter(&options.filter)
        .grace(options.grace());
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

/// Forwards the rest after the child's exit: up to the end of the pipe, or until a termination signal asks not to wait.
async fn forward_rest(forwarder: &mut Forwarder, signals: &mut Signals) {
    select! {
        () = forwarder.forward() => return,
        () = signals.wait_for_termination() => {}
    }
    // What is in the pipe already. If it takes longer, the frames that were read are counted as not sent.
    let _in_time = timeout(REST_LIMIT, forwarder.forward()).await;
}

/// Waits for the acknowledgements, publishes that the run has ended, and prints the result. Returns the exit code.
async fn end(
    forwarded: Forwarded,
    status: io::Result<ExitStatus>,
    link: &Link,
    limit: Duration,
    signals: &mut Signals,
) -> u8 {
    let (summary, read_error) = match forwarded.summary {
        Ok(summary) => (summary, None),
        Err(error) => (*error.summary, Some(error.source)),
    };
    let (summary, exit) = match &status {
        Ok(status) => (summary.with_exit_status(*status), status.to_string()),
        Err(error) => (summary, format!("unknown: {error}")),
    };
    let is_drained = within(forwarded.publisher.drained(), limit, signals).await;
    let unsent = forwarded.unpublished + forwarded.publisher.unacknowledged();
    let last_word = forwarded
        .presence
        .end(exit, forwarded.last, unsent, &summary);
    let limit = if is_drained { limit } else { LAST_WORD_LIMIT };
    let is_told = within(last_word, limit, signals).await;

    let frames = forwarded.last.map_or(0, |last| last + 1);
    say(format_args!(
        "{summary}; {} of {frames} frames acknowledged",
        frames - unsent
    ));
    let trouble = link
        .trouble
        .lasting()
        .unwrap_or_else(|| "the server was too slow".to_owned());
    if unsent > 0 {
        say(format_args!(
            "{unsent} frames are not acknowledged, and may be lost: {trouble}"
        ));
    } else if !is_told {
        say(format_args!(
            "the message that this run has ended is not acknowledged: {trouble}"
        ));
    }
    if let Some(error) = &read_error {
        say(format_args!("reading the child's pipe failed: {error}"));
    }
    match status {
        Ok(status) if unsent == 0 && is_told && read_error.is_none() => exit_code(status),
        _ => OWN_FAILURE,
    }
}

/// Returns whether a future was ready before the limit and before a signal that asks not to wait.
async fn within(future: impl Future<Output = ()>, limit: Duration, signals: &mut Signals) -> bool {
    select! {
        () = future => true,
        () = sleep(limit) => false,
        () = signals.wait_for_termination() => false,
    }
}
