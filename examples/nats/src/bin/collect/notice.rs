//! `Notice`: a line about the records.

use std::fmt;

use serde::Serialize;

use super::host::Ending;
use crate::support::text::Escaped;

/// Something that the user has to know.
///
/// As JSON it is `{"notice":"..."}` or `{"end":{...}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Notice {
    Notice(String),
    /// A process has ended without a close frame.
    End {
        host: String,
        #[serde(flatten)]
        end: Ending,
    },
}

/// One line. Texts of children and relays are inert.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notice(text) => write!(f, "{}", Escaped(text)),
            Self::End { host, end } => write!(f, "{}", Escaped(&format!("{host}/{end}"))),
        }
    }
}
