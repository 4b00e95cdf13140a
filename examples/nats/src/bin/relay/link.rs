//! `Link`: the connection to the server, and whether it stands.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Client, Event, ServerError as Refusal,
    jetstream::{self, context::ContextBuilder},
};
use nats_relay::{ServerError, ServerOptions};
use tokio::sync::watch;

use crate::trouble::Trouble;

/// How long the server may take for an acknowledgement until the message is sent again.
const ACKNOWLEDGEMENT_LIMIT: Duration = Duration::from_secs(10);

/// How long the server may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The connection to the server. Clones are the same connection.
///
/// The client connects again by itself. What was on the way is lost then: whoever sends it has to watch the link.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) client: Arc<Client>,
    /// For messages, which wait for their acknowledgements. Each has a clone of this link.
    pub(crate) jetstream: Arc<jetstream::Context>,
    /// For everything else.
    pub(crate) api: Arc<jetstream::Context>,
    pub(crate) trouble: Trouble,
    state: watch::Receiver<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    is_up: bool,
    /// How often the connection was lost.
    losses: u64,
}

impl Link {
    /// Connects. At most `in_flight` messages will be on the way at once.
    pub(crate) async fn connect(
        server: &ServerOptions,
        name: &str,
        in_flight: usize,
    ) -> Result<Self, ServerError> {
        let trouble = Trouble::default();
        let (sender, state) = watch::channel(State {
            is_up: true,
            losses: 0,
        });
        let (told, shown) = (trouble.clone(), server.shown());
        let options = server
            .connect_options(name)
            .await?
            .request_timeout(Some(ANSWER_LIMIT))
            // A message that is sent again may have its predecessor in the queue.
            .client_capacity(2 * in_flight)
            .event_callback(move |event| {
                note(&event, &shown, &told, &sender);
                std::future::ready(())
            });
        let client = server.connect(options).await?;
        let jetstream = ContextBuilder::new()
            .timeout(ACKNOWLEDGEMENT_LIMIT)
            // Above what is ever on the way: the client's own limit would hold the messages of a lost connection against
            // those that are sent again.
            .max_ack_inflight(4 * in_flight)
            .build(client.clone());
        Ok(Self {
            api: jetstream::new(client.clone()).into(),
            client: client.into(),
            jetstream: jetstream.into(),
            trouble,
            state,
        })
    }

    /// Waits until the connection stands. Returns the number of losses so far.
    pub(crate) async fn up(&self) -> u64 {
        self.wait_for(|state| state.is_up).await.losses
    }

    /// Waits until the connection has been lost more often than so many times.
    pub(crate) async fn lost(&self, losses: u64) {
        self.wait_for(|state| state.losses > losses).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&State) -> bool) -> State {
        let mut state = self.state.clone();
        let state = state.wait_for(condition).await.map(|state| *state);
        match state {
            Ok(state) => state,
            // The client is gone, and with it the sender: the state never changes again.
            Err(_) => std::future::pending().await,
        }
    }
}

fn note(event: &Event, server: &str, trouble: &Trouble, state: &watch::Sender<State>) {
    const CONNECTION: &str = "the connection to the server";
    match event {
        Event::Connected => {
            state.send_modify(|state| state.is_up = true);
            trouble.ends(CONNECTION);
        }
        Event::Disconnected => {
            state.send_modify(|state| {
                state.is_up = false;
                state.losses += 1;
            });
            trouble.begins(
                CONNECTION,
                format!("the connection to {server} is lost; trying again until it stands"),
            );
        }
        Event::ServerError(Refusal::AuthorizationViolation) => trouble.begins(
            CONNECTION,
            format!("{server} refuses the credentials now: check the users in its configuration"),
        ),
        Event::ServerError(Refusal::Other(text)) => {
            // Permissions Violation for Publish to "SUBJECT"
            let subject = text.split('"').nth(1).unwrap_or_default();
            trouble.begins(
                &publishing_to(subject),
                format!("{server} refuses: {text}; check the permissions of the user in its configuration"),
            );
        }
        _ => {}
    }
}

/// The name of the trouble that hinders the messages of a subject.
pub(crate) fn publishing_to(subject: &str) -> String {
    format!("publishing to {subject}")
}
