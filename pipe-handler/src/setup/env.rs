//! The environment variables by which a parent passes the pipe to its child: reads them, and checks the form of
//! `RECORD_PIPE`. `filter` parses the other one. PROTOCOL.md of record-proto describes their values.

use std::{env, os::fd::RawFd};

use super::error::InitError;
use crate::transport::{Address, BufferAddress};

pub(super) const PIPE: &str = "RECORD_PIPE";
pub(super) const FILTER: &str = "RECORD_PIPE_FILTER";

/// Returns the pipe that `RECORD_PIPE` names.
pub(super) fn pipe() -> Result<Address, InitError> {
    let value = env::var_os(PIPE).filter(|value| !value.is_empty());
    let value = value.ok_or(InitError::Absent)?;
    parse(value.to_str().ok_or(InitError::Malformed)?)
}

/// Returns the shared buffer that `RECORD_PIPE` names, if it names one.
pub(super) fn buffer() -> Option<BufferAddress> {
    let value = env::var_os(PIPE)?;
    let mut parts = value.to_str()?.split(':').skip(4);
    Some(BufferAddress {
        file: file(&mut parts)?,
        size: parts.next()?.parse().ok()?,
    })
}

/// Returns the filter that the parent asks for in `RECORD_PIPE_FILTER`. An empty variable counts as absent.
pub(super) fn filter() -> Option<String> {
    let filter = env::var_os(FILTER).filter(|filter| !filter.is_empty())?;
    Some(filter.to_string_lossy().into_owned())
}

fn parse(value: &str) -> Result<Address, InitError> {
    // Four parts name the pipe and four more the buffer, which `buffer` reads. Further ones are reserved and ignored.
    let mut parts = value.split(':');
    let version = parts.next().and_then(|part| part.strip_prefix('v'));
    match version.and_then(|version| version.parse().ok()) {
        Some(1) => file(&mut parts).ok_or(InitError::Malformed),
        Some(version) if version > 1 => Err(InitError::Newer { version }),
        _ => Err(InitError::Malformed),
    }
}

/// Reads the three parts that name a file.
fn file<'v>(parts: &mut impl Iterator<Item = &'v str>) -> Option<Address> {
    let mut number = || parts.next()?.parse::<u64>().ok();
    Some(Address {
        fd: RawFd::try_from(number()?).ok()?,
        dev: number()?,
        ino: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_parts_are_ignored() {
        let address = parse("v1:7:13:4711:later:parts").unwrap();
        assert_eq!((address.fd, address.dev, address.ino), (7, 13, 4711));
        assert_eq!(address.to_string(), "7:13:4711");
    }

    #[test]
    fn a_later_version_is_not_reported_as_malformed() {
        assert!(matches!(
            parse("v2:x"),
            Err(InitError::Newer { version: 2 })
        ));
        for value in [
            "7",
            "v",
            "v0:1:2:3",
            "v1",
            "v1:7:13",
            "v1:-1:13:4",
            "v1:7:a:4",
            "v1:99999999999:1:1",
        ] {
            assert!(matches!(parse(value), Err(InitError::Malformed)), "{value}");
        }
    }
}
