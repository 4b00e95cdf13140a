//! The messages with which a relay reports its own state.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use serde::{Deserialize, Serialize};

use crate::RelayStart;

/// A message of a relay about itself: that it has started, is alive, or has ended. The body is this as JSON.
///
/// A collector that hears nothing for several [`Alive`](Self::Alive) messages, or that sees a
/// [`Started`](Self::Started) one with a [`previous`](Self::Started::previous) run, knows that a relay died, and after
/// which frame its knowledge ends.
///
/// ```
/// use nats_relay::Control;
///
/// let text = r#"{"event":"alive","relay":"00000000000000ff","child":17,"last":9}"#;
/// let control: Control = serde_json::from_str(text)?;
/// assert!(matches!(control, Control::Alive { child: 17, last: Some(9), .. }));
/// assert_eq!(serde_json::to_string(&control)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Control {
    /// The first message of a run, before all batches.
    Started {
        /// The run.
        relay: RelayStart,
        /// The run before it under this host and label, if that one did not end in good order.
        previous: Option<RelayStart>,
        /// The pid of the child.
        child: u32,
        /// The host.
        host: String,
        /// The label.
        label: String,
        /// When the child was started, in RFC 3339.
        time: String,
    },
    /// Every five seconds.
    Alive {
        /// The run.
        relay: RelayStart,
        /// The pid of the child.
        child: u32,
        /// The ordinal of the last frame that was handed to the server. `None` if there was none yet.
        last: Option<u64>,
    },
    /// The last message of a run, after all batches were acknowledged.
    Ended {
        /// The run.
        relay: RelayStart,
        /// The pid of the child.
        child: u32,
        /// The ordinal of the last frame.
        last: Option<u64>,
        /// How the child ended.
        exit: String,
        /// How many frames the server did not acknowledge.
        unsent: u64,
        /// The summary of the subscriber, as it serialises.
        summary: serde_json::Value,
    },
}

impl Control {
    /// Returns the run of the relay that sent the message.
    pub fn relay(&self) -> RelayStart {
        match self {
            Self::Started { relay, .. } | Self::Alive { relay, .. } | Self::Ended { relay, .. } => {
                *relay
            }
        }
    }

    /// Returns the headers of the message. `number` tells the [`Alive`](Self::Alive) messages of a run apart.
    pub fn to_headers(&self, number: u64) -> HeaderMap {
        let relay = self.relay();
        let id = match self {
            Self::Started { .. } => format!("{relay}-started"),
            Self::Alive { .. } => format!("{relay}-alive-{number}"),
            Self::Ended { .. } => format!("{relay}-ended"),
        };
        let mut map = HeaderMap::new();
        map.insert(NATS_MESSAGE_ID, id);
        map
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_those_of_the_page() {
        let relay: RelayStart = "00000000000000ff".parse().unwrap();
        let started = Control::Started {
            relay,
            previous: None,
            child: 17,
            host: "h".into(),
            label: "l".into(),
            time: "2026-01-02T03:04:05Z".into(),
        };
        let alive = Control::Alive {
            relay,
            child: 17,
            last: None,
        };
        let ended = Control::Ended {
            relay,
            child: 17,
            last: Some(3),
            exit: "exit status: 0".into(),
            unsent: 0,
            summary: json!({"received": 4}),
        };
        let texts = [
            json!({"event": "started", "relay": "00000000000000ff", "previous": null, "child": 17, "host": "h",
                "label": "l", "time": "2026-01-02T03:04:05Z"}),
            json!({"event": "alive", "relay": "00000000000000ff", "child": 17, "last": null}),
            json!({"event": "ended", "relay": "00000000000000ff", "child": 17, "last": 3, "exit": "exit status: 0",
                "unsent": 0, "summary": {"received": 4}}),
        ];
        let ids = [
            "00000000000000ff-started",
            "00000000000000ff-alive-6",
            "00000000000000ff-ended",
        ];
        for ((control, text), id) in [started, alive, ended].into_iter().zip(texts).zip(ids) {
            assert_eq!(serde_json::to_value(&control).unwrap(), text);
            assert_eq!(serde_json::from_value::<Control>(text).unwrap(), control);
            assert_eq!(
                control.to_headers(6).get("Nats-Msg-Id").unwrap().as_str(),
                id
            );
        }
    }
}
