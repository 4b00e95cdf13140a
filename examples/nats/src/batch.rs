//! The headers of a batch of frames.

use std::str::FromStr;

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use log::Level;

use crate::{
    RelayStart,
    subject::{level_token, parse_level_token},
};

/// The version of the headers and of the bodies.
const FORMAT: &str = "1";

/// The length of the longest payload in the body of a batch, for
/// [`RecordCodec::with_max_frame_length`](record_proto::RecordCodec::with_max_frame_length): a record that a child sent
/// in fragments is one frame here.
pub const MAX_FRAME_LENGTH: usize = record_proto::DEFAULT_RECORD_LIMIT;

const LOG_FORMAT: &str = "Log-Format";
const LOG_RELAY: &str = "Log-Relay";
const LOG_CHILD: &str = "Log-Child";
const LOG_FIRST: &str = "Log-First";
const LOG_LAST: &str = "Log-Last";
const LOG_COUNT: &str = "Log-Count";
const LOG_LEVEL: &str = "Log-Level";

/// What the headers of a batch say: which frames of which child its body has.
///
/// The body has `count` whole frames, each with its length prefix, as `record-proto`'s `RecordCodec` reads them if
/// its limit is [`MAX_FRAME_LENGTH`]. Their
/// *ordinals* are `first` to `last`: the relay numbers the whole frames of its child as it reads them, from 0.
///
/// ```
/// use nats_relay::{BatchHeaders, RelayStart};
///
/// let headers = BatchHeaders { relay: RelayStart::random()?, child: 4711, first: 200, last: 299, level: Some(log::Level::Warn) };
/// let map = headers.to_headers();
/// assert_eq!(map.get("Log-Count").unwrap().as_str(), "100");
/// assert_eq!(BatchHeaders::from_headers(&map)?, headers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeaders {
    /// The run of the relay that sent the batch.
    pub relay: RelayStart,
    /// The pid of the child, as the relay knows it.
    pub child: u32,
    /// The ordinal of the first frame.
    pub first: u64,
    /// The ordinal of the last frame.
    pub last: u64,
    /// The most severe level of the records. `None` if no frame is a record.
    pub level: Option<Level>,
}

impl BatchHeaders {
    /// Returns the number of frames.
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Returns the headers of the message. `Nats-Msg-Id` is the same whenever the batch is sent again, so that the server
    /// stores it once.
    pub fn to_headers(&self) -> HeaderMap {
        let Self {
            relay,
            child,
            first,
            last,
            level,
        } = self;
        let mut map = HeaderMap::new();
        map.insert(NATS_MESSAGE_ID, format!("{relay}-{child}-{first}"));
        map.insert(LOG_FORMAT, FORMAT);
        map.insert(LOG_RELAY, relay.to_string());
        map.insert(LOG_CHILD, child.to_string());
        map.insert(LOG_FIRST, first.to_string());
        map.insert(LOG_LAST, last.to_string());
        map.insert(LOG_COUNT, self.count().to_string());
        map.insert(LOG_LEVEL, level_token(*level));
        map
    }

    /// Reads the headers of a message.
    ///
    /// # Errors
    ///
    /// If a header is missing or wrong, or the message has a newer format.
    pub fn from_headers(map: &HeaderMap) -> Result<Self, BatchHeadersError> {
        let format = text(map, LOG_FORMAT)?;
        if format != FORMAT {
            return Err(BatchHeadersError::Format(format.to_owned()));
        }
        let headers = Self {
            relay: parsed(map, LOG_RELAY)?,
            child: parsed(map, LOG_CHILD)?,
            first: parsed(map, LOG_FIRST)?,
            last: parsed(map, LOG_LAST)?,
            level: parse_level_token(text(map, LOG_LEVEL)?)
                .ok_or(BatchHeadersError::Invalid(LOG_LEVEL))?,
        };
        let count: u64 = parsed(map, LOG_COUNT)?;
        // Checked like this, nothing overflows, and `count` does not either.
        let is_right = headers.first <= headers.last
            && count.checked_sub(1) == Some(headers.last - headers.first);
        if !is_right {
            return Err(BatchHeadersError::Invalid(LOG_COUNT));
        }
        Ok(headers)
    }
}

/// Why the headers of a message are not those of a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchHeadersError {
    /// A header is missing.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// The value of a header makes no sense.
    #[error("the header {0} is invalid")]
    Invalid(&'static str),
    /// The message has another format than this program knows.
    #[error("the message has the format {0:?}, and this program knows only {FORMAT}")]
    Format(String),
}

fn text<'a>(map: &'a HeaderMap, name: &'static str) -> Result<&'a str, BatchHeadersError> {
    let value = map.get(name).ok_or(BatchHeadersError::Missing(name))?;
    Ok(value.as_str())
}

fn parsed<T: FromStr>(map: &HeaderMap, name: &'static str) -> Result<T, BatchHeadersError> {
    let text = text(map, name)?;
    text.parse().map_err(|_| BatchHeadersError::Invalid(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> BatchHeaders {
        BatchHeaders {
            relay: "00000000000000ff".parse().unwrap(),
            child: 17,
            first: 5,
            last: 9,
            level: None,
        }
    }

    #[test]
    fn headers_are_those_of_the_page() {
        let map = headers().to_headers();
        let value = |name: &str| map.get(name).unwrap().as_str().to_owned();
        assert_eq!(value("Nats-Msg-Id"), "00000000000000ff-17-5");
        assert_eq!(value("Log-Format"), "1");
        assert_eq!(value("Log-Relay"), "00000000000000ff");
        assert_eq!(value("Log-Child"), "17");
        assert_eq!(
            (value("Log-First"), value("Log-Last"), value("Log-Count")),
            ("5".into(), "9".into(), "5".into())
        );
        assert_eq!(value("Log-Level"), "none");
        assert_eq!(map.len(), 8);
    }

    #[test]
    fn a_missing_or_wrong_header_is_refused() {
        for (name, _) in headers().to_headers().iter() {
            let name = name.to_string();
            let mut map = headers().to_headers();
            if name == NATS_MESSAGE_ID.to_string() {
                continue;
            }
            map.insert(name.as_str(), "x");
            assert!(BatchHeaders::from_headers(&map).is_err(), "{name}");
        }
        assert_eq!(
            BatchHeaders::from_headers(&HeaderMap::new()),
            Err(BatchHeadersError::Missing(LOG_FORMAT))
        );
    }

    #[test]
    fn counts_that_contradict_the_ordinals_are_refused() {
        for (first, last, count) in [
            ("5", "9", "4"),
            ("5", "4", "0"),
            ("0", "18446744073709551615", "0"),
            ("7", "3", "1"),
        ] {
            let mut map = headers().to_headers();
            map.insert(LOG_FIRST, first);
            map.insert(LOG_LAST, last);
            map.insert(LOG_COUNT, count);
            assert_eq!(
                BatchHeaders::from_headers(&map),
                Err(BatchHeadersError::Invalid(LOG_COUNT))
            );
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut map = headers().to_headers();
        map.insert(LOG_FORMAT, "2");
        assert_eq!(
            BatchHeaders::from_headers(&map),
            Err(BatchHeadersError::Format("2".into()))
        );
    }
}
