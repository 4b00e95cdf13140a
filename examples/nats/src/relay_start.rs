//! The number of one run of a relay.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A random number that stands for one run of a relay. As text it is 16 hexadecimal digits.
///
/// A relay has one child, so this is also the number of one run of a child. Pids and names come again; this does not.
///
/// ```
/// use nats_relay::RelayStart;
///
/// let start = RelayStart::random()?;
/// assert_eq!(start.to_string().len(), 16);
/// assert_eq!(start.to_string().parse(), Ok(start));
/// # Ok::<(), getrandom::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayStart(u64);

impl RelayStart {
    /// Draws a number from the system.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u64::from_le_bytes(bytes)))
    }
}

impl fmt::Display for RelayStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for RelayStart {
    type Err = InvalidRelayStart;

    fn from_str(text: &str) -> Result<Self, InvalidRelayStart> {
        // `from_str_radix` would also take a plus sign.
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or(InvalidRelayStart)
    }
}

/// A text that is not 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the start of a relay is 16 hexadecimal digits")]
pub struct InvalidRelayStart;

impl Serialize for RelayStart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RelayStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
