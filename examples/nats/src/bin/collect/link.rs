//! `Link`: the connection with the server.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, Event, ServerError,
    connection::State,
    jetstream::{self, ErrorCode, context::GetStreamErrorKind, stream::Stream},
};
use nats_relay::ServerOptions;
use tokio::sync::watch;

use crate::{failure::Failure, support::stdio::eprint_line};

/// How long a request of JetStream may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, which the client repairs by itself.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    client: Client,
    pub(crate) jetstream: jetstream::Context,
    server: String,
    denied: Arc<Mutex<Option<String>>>,
    /// Counts the connections.
    connections: watch::Receiver<u64>,
}

impl Link {
    pub(crate) async fn open(options: &ServerOptions) -> Result<Self, Failure> {
        let denied = Arc::new(Mutex::new(None));
        let (connected, connections) = watch::channel(0);
        let noted = Arc::clone(&denied);
        let connect = options
            .connect_options("collect")
            .await?
            .event_callback(move |event| {
                note(&event, &noted, &connected);
                std::future::ready(())
            });
        let client = options.connect(connect).await?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(TIMEOUT)
            .ack_timeout(TIMEOUT)
            .build(client.clone());
        Ok(Self {
            client,
            jetstream,
            server: options.shown(),
            denied,
            connections,
        })
    }

    /// Looks a stream up.
    pub(crate) async fn stream(&self, name: &str) -> Result<Stream, Failure> {
        let error = match self.jetstream.get_stream(name).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        if let GetStreamErrorKind::JetStream(refusal) = error.kind()
            && refusal.error_code() == ErrorCode::STREAM_NOT_FOUND
        {
            return Err(Failure(format!(
                "the stream {name} does not exist at {}: name another one with --stream, or create it first, as a relay does \
                 with --create-stream",
                self.server
            )));
        }
        let hint = format!(
            "is JetStream enabled there, and may the user publish to $JS.API.STREAM.INFO.{name}?"
        );
        Err(self.failure(&format!("cannot look up the stream {name}"), &error, &hint))
    }

    /// Returns a failure. If the server has denied a permission, it is named instead of the hint.
    pub(crate) fn failure(&self, what: &str, error: &dyn std::error::Error, hint: &str) -> Failure {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // An error of async-nats prints its source itself.
            let text = cause.to_string();
            if !causes.contains(&text) {
                causes = format!("{causes}: {text}");
            }
            source = cause.source();
        }
        match self.denied() {
            Some(denied) => Failure(format!(
                "{what} at {}: the server says: {denied}; permit it for this user",
                self.server
            )),
            None => Failure(format!("{what} at {} ({causes}): {hint}", self.server)),
        }
    }

    /// Returns the server's text of the last permission that it denied.
    pub(crate) fn denied(&self) -> Option<String> {
        self.denied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Returns a receiver that changes with each new connection.
    pub(crate) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.clone()
    }

    pub(crate) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Sends everything that is still in the client's buffer, such as an acknowledgement.
    pub(crate) async fn flush(&self) {
        let _lost_with_the_connection = tokio::time::timeout(TIMEOUT, self.client.flush()).await;
    }
}

fn note(event: &Event, denied: &Mutex<Option<String>>, connected: &watch::Sender<u64>) {
    match event {
        Event::Connected => connected.send_modify(|count| *count += 1),
        Event::Disconnected => {
            eprint_line("collect: the connection is lost; trying again until the server is back")
        }
        Event::ServerError(ServerError::Other(text))
            if text.to_ascii_lowercase().contains("permissions violation") =>
        {
            *denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        }
        Event::ServerError(error) => eprint_line(format_args!("collect: the server says: {error}")),
        _ => {}
    }
}
