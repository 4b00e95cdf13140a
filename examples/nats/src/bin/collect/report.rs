//! `Report`: the accounts, for people and programs.

use serde::Serialize;

use super::{
    account::{Account, End},
    host::{Ending, Host},
    process::Process,
    sums::Sums,
};
use crate::support::text::Escaped;

/// The accounts of all hosts, since the position was stored for the first time.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    all: Sums,
    /// Messages that were left out because they are not those of a relay.
    foreign: u64,
    hosts: Vec<HostReport<'a>>,
}

#[derive(Debug, Serialize)]
struct HostReport<'a> {
    host: &'a str,
    sums: Sums,
    /// The children that have not ended, or whose end is unknown.
    children: Vec<ChildReport<'a>>,
    /// The last processes that ended without a close frame.
    ends: Vec<&'a Ending>,
}

#[derive(Debug, Serialize)]
struct ChildReport<'a> {
    label: &'a str,
    relay: String,
    child: u32,
    end: Option<End>,
    sums: Sums,
    processes: Vec<ProcessReport<'a>>,
}

#[derive(Debug, Serialize)]
struct ProcessReport<'a> {
    pid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    process: Option<&'a str>,
    closed: bool,
    last_seq: u64,
    received: u64,
    dropped: u64,
    missing: u64,
    in_flight: u64,
    held_back: u64,
}

impl<'a> Report<'a> {
    pub(crate) fn new(hosts: &[&'a Host], foreign: u64) -> Self {
        let mut all = Sums::default();
        let hosts = hosts.iter().map(|host| {
            let report = HostReport::new(host);
            all.add(&report.sums);
            report
        });
        let hosts = hosts.collect();
        Self {
            all,
            foreign,
            hosts,
        }
    }

    /// Returns lines of text, and whether each is good news: one for each host, and one for each child that is open.
    pub(crate) fn lines(&self) -> Vec<(bool, String)> {
        let mut lines = Vec::new();
        for host in &self.hosts {
            let name = Escaped(host.host);
            for child in &host.children {
                let (label, relay) = (Escaped(child.label), &child.relay);
                let text = format!(
                    "{name}/{label}: relay {relay}, child {}: {}",
                    child.child, child.sums
                );
                lines.push((child.sums.is_complete(), text));
            }
            lines.push((host.sums.is_complete(), format!("{name}: {}", host.sums)));
        }
        let mut all = format!("summary: {}", self.all);
        if self.foreign > 0 {
            all += &format!(", {} messages left out", self.foreign);
        }
        lines.push((self.all.is_complete() && self.foreign == 0, all));
        lines
    }
}

impl<'a> HostReport<'a> {
    fn new(host: &'a Host) -> Self {
        let mut children: Vec<_> = host.accounts().map(ChildReport::new).collect();
        children.sort_by(|one, other| (one.label, &one.relay).cmp(&(other.label, &other.relay)));
        Self {
            host: &host.name,
            sums: host.sums(),
            children,
            ends: host.ends().collect(),
        }
    }
}

impl<'a> ChildReport<'a> {
    fn new(account: &'a Account) -> Self {
        Self {
            label: &account.label,
            relay: account.relay.to_string(),
            child: account.child,
            end: account.end,
            sums: account.sums(),
            processes: account.processes().iter().map(ProcessReport::new).collect(),
        }
    }
}

impl<'a> ProcessReport<'a> {
    fn new(process: &'a Process) -> Self {
        let sums = process.sums();
        Self {
            pid: process.key.pid,
            instance: process
                .key
                .instance
                .map(|instance| format!("{instance:08x}")),
            process: process.name.as_deref(),
            closed: process.is_closed(),
            last_seq: process.last,
            received: sums.received,
            dropped: sums.dropped,
            missing: sums.missing,
            in_flight: sums.in_flight,
            held_back: sums.held_back,
        }
    }
}
