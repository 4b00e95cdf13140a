//! Reads `RECORD_PIPE` and `RECORD_PIPE_FILTER`, and checks the form of `RECORD_PIPE`. `filter` parses the filter.

use std::{env, ffi::OsStr, os::fd::RawFd};

use super::error::InitError;
use super::variables::{FILTER, PIPE};
use crate::transport::{Address, BufferAddress};

/// Returns the pipe that `RECORD_PIPE` names.
pub(crate) fn pipe() -> Result<Address, InitError> {
    match env::var_os(PIPE) {
        Some(value) if !value.is_empty() => parse(&value),
        _ => Err(InitError::Absent),
    }
}

/// Returns the shared buffer that `RECORD_PIPE` names, if it names one.
pub(crate) fn buffer() -> Option<BufferAddress> {
    let value = env::var_os(PIPE)?;
    let mut parts = value.to_str()?.split(':').skip(4);
    let mut number = || parts.next()?.parse::<u64>().ok();
    Some(BufferAddress {
        fd: number().and_then(|fd| RawFd::try_from(fd).ok())?,
        dev: number()?,
        ino: number()?,
        size: number()?,
    })
}

/// Returns the filter that the parent asks for in `RECORD_PIPE_FILTER`. An empty variable counts as absent.
pub(crate) fn filter() -> Option<String> {
    let filter = env::var_os(FILTER).filter(|filter| !filter.is_empty())?;
    Some(filter.to_string_lossy().into_owned())
}

fn parse(value: &OsStr) -> Result<Address, InitError> {
    let value = value.to_str().ok_or(InitError::Malformed)?;
    // Four parts name the pipe and four more the buffer, which `buffer` reads. Further ones are reserved and ignored.
    let mut parts = value.split(':');
    let version = parts.next().and_then(|part| part.strip_prefix('v'));
    match version.and_then(|version| version.parse().ok()) {
        Some(1) => {}
        Some(version) if version > 1 => return Err(InitError::Newer { version }),
        _ => return Err(InitError::Malformed),
    }
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (fd, dev, ino) = (number(), number(), number());
    let fd = fd.and_then(|fd| RawFd::try_from(fd).ok());
    match (fd, dev, ino) {
        (Some(fd), Some(dev), Some(ino)) => Ok(Address { fd, dev, ino }),
        _ => Err(InitError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Address, InitError> {
        super::parse(OsStr::new(value))
    }

    #[test]
    fn further_parts_are_ignored() {
        let address = parse("v1:7:13:4711:later:parts").unwrap();
        assert_eq!((address.fd, address.dev, address.ino), (7, 13, 4711));
        assert_eq!(address.to_string(), "v1:7:13:4711");
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
