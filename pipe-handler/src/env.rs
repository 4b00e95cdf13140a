//! The variables by which a parent tells its child of the pipe; the format is in record-proto's PROTOCOL.md.

use std::{env, ffi::OsStr, os::fd::RawFd};

use crate::InitError;

pub(crate) const PIPE: &str = "RECORD_PIPE";
pub(crate) const FILTER: &str = "RECORD_PIPE_FILTER";

/// Which descriptor the pipe has, and which pipe it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) fd: RawFd,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

impl Address {
    pub(crate) fn from_env() -> Result<Self, InitError> {
        match env::var_os(PIPE) {
            Some(value) if !value.is_empty() => Self::parse(&value),
            _ => Err(InitError::Absent),
        }
    }

    pub(crate) fn to_env(self) -> String {
        format!("v1:{}:{}:{}", self.fd, self.dev, self.ino)
    }

    fn parse(value: &OsStr) -> Result<Self, InitError> {
        let value = value.to_str().ok_or(InitError::Malformed)?;
        // What stands behind the fourth part is for later.
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
            (Some(fd), Some(dev), Some(ino)) => Ok(Self { fd, dev, ino }),
            _ => Err(InitError::Malformed),
        }
    }
}

/// The filter that the parent wishes; an empty one is no wish.
pub(crate) fn filter() -> Option<String> {
    let filter = env::var_os(FILTER).filter(|filter| !filter.is_empty())?;
    Some(filter.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Address, InitError> {
        Address::parse(OsStr::new(value))
    }

    #[test]
    fn further_parts_are_ignored() {
        let address = parse("v1:7:13:4711:later:parts").unwrap();
        assert_eq!((address.fd, address.dev, address.ino), (7, 13, 4711));
        assert_eq!(address.to_env(), "v1:7:13:4711");
    }

    #[test]
    fn a_later_version_is_told_from_a_malformed_value() {
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
