//! `Failure`: why the collector cannot go on.

/// The text says what can be done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

impl From<nats_relay::ServerError> for Failure {
    fn from(error: nats_relay::ServerError) -> Self {
        Self(error.to_string())
    }
}
