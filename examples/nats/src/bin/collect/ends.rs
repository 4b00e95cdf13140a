//! The ends of children: control messages, and relays that died.

use std::{fmt, sync::Arc};

use nats_relay::{Address, Control, RelayStart};

use super::{
    account::{ChildKey, End},
    child::Child,
    engine::{Content, Engine, Item, Message},
    flow::{OVERHEAD, give_up_holes},
    host::Ending,
    notice::Notice,
};

/// After this time without a sign of life a relay counts as gone, in nanoseconds: 12 heartbeats. A hub that was started
/// again fetches from its hosts again only after 20 s, and nobody is to be reported as gone for that.
pub(super) const SILENCE: u64 = 60_000_000_000;

impl Engine {
    /// Receives a control message of a host that is known.
    pub(super) fn control(
        &mut self,
        address: &Address,
        message: &Message,
        now: u64,
    ) -> Result<(), String> {
        let control: Control =
            serde_json::from_slice(&message.body).map_err(|error| error.to_string())?;
        let Some(host) = self.hosts.get_mut(&*address.host) else {
            return Ok(());
        };
        match control {
            Control::Started {
                relay,
                previous,
                child,
                ..
            } => {
                let child = host.child((relay, child), &address.label, 0, now);
                child.account.has_control = true;
                self.notices
                    .extend(sign_of_life(child, now, message.sequence, &address.host));
                if let Some(previous) = previous.filter(|previous| *previous != relay) {
                    self.lose_relay(&address.host, previous, relay);
                }
            }
            Control::Alive { relay, child, .. } => {
                if let Some(child) = host.children.get_mut(&(relay, child)) {
                    child.account.has_control = true;
                    self.notices
                        .extend(sign_of_life(child, now, message.sequence, &address.host));
                }
            }
            Control::Ended {
                relay,
                child,
                last,
                exit,
                unsent,
                ..
            } => {
                let key = (relay, child);
                let Some(child) = host.children.get_mut(&key) else {
                    return Ok(());
                };
                self.notices
                    .extend(sign_of_life(child, now, message.sequence, &address.host));
                child.is_ending = true;
                host.pending.begin(message.sequence, 1);
                self.push_end(
                    &address.host,
                    key,
                    message.sequence,
                    Content::Ended { last, exit, unsent },
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends the children whose relay has been silent for a minute.
    pub(super) fn end_silent(&mut self, now: u64) {
        let silence = SILENCE + self.times.window;
        let mut silent = Vec::new();
        for host in self.hosts.values() {
            let is_silent = |child: &Child| {
                child.is_open()
                    && child.account.has_control
                    && child.last_sign.saturating_add(silence) < now
            };
            let found = host.children.iter().filter(|(_, child)| is_silent(child));
            silent.extend(found.map(|(key, _)| (Arc::clone(&host.name), *key)));
        }
        for (host, key) in silent {
            self.lose(
                &host,
                key,
                format!("its relay {} has been silent for 60 s", key.0),
            );
        }
    }

    /// Applies an end that has gone through the window.
    pub(super) fn end(&mut self, item: &Item) {
        let Some(host) = self.hosts.get_mut(&item.host) else {
            return;
        };
        host.finish(item.sequence);
        let Some(child) = host.children.get_mut(&item.child) else {
            return;
        };
        match &item.content {
            Content::Ended { last, exit, unsent } if child.account.end.is_none() => {
                child.account.report_end(*last);
                let why = match unsent {
                    0 => exit.clone(),
                    _ => format!(
                        "{exit}, and the relay has {unsent} frames that were not acknowledged"
                    ),
                };
                self.note_ends(item, "ended without a close frame", &why);
            }
            Content::Lost(why) if child.is_ending && child.account.end.is_none() => {
                child.account.end = Some(End::Unknown);
                self.note_ends(item, "ended unknown", why);
            }
            _ => {}
        }
    }

    /// Ends the children of a relay in whose place another one was started.
    fn lose_relay(&mut self, host: &str, relay: RelayStart, by: RelayStart) {
        let children = self
            .hosts
            .get(host)
            .map(|host| host.children.iter())
            .into_iter()
            .flatten();
        let lost = children.filter(|(key, child)| key.0 == relay && child.is_open());
        for key in lost.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.lose(
                host,
                key,
                format!("its relay {relay} did not report its end, and {by} was started"),
            );
        }
    }

    fn lose(&mut self, host: &str, key: ChildKey, why: String) {
        if let Some(child) = self
            .hosts
            .get_mut(host)
            .and_then(|host| host.children.get_mut(&key))
        {
            child.is_ending = true;
            self.push_end(host, key, 0, Content::Lost(why));
        }
    }

    /// Sends an end through the window, after all frames of the child that have come.
    fn push_end(&mut self, name: &str, key: ChildKey, sequence: u64, content: Content) {
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        // Content has not come by now will not come: a relay sends the end after everything else.
        give_up_holes(host, key, Some(u64::MAX), &mut self.merge);
        let last_key = host.children.get(&key).map_or(0, Child::last_key);
        let item = Item {
            host: Arc::clone(&host.name),
            child: key,
            sequence,
            redelivered: false,
            content,
        };
        self.merge.push(last_key, OVERHEAD, item);
    }

    /// Lists the processes that have not closed, now that their child has ended.
    fn note_ends(&mut self, item: &Item, how: &str, why: &str) {
        let Some(host) = self.hosts.get_mut(&item.host) else {
            return;
        };
        let Some(account) = host.children.get(&item.child).map(|child| &child.account) else {
            return;
        };
        let ends = account.unclosed().map(|process| Ending {
            label: account.label.clone(),
            relay: account.relay,
            pid: process.key.pid,
            process: process.name.clone(),
            after_seq: process.last,
            how: how.to_owned(),
            why: why.to_owned(),
        });
        for end in ends.collect::<Vec<_>>() {
            host.note_end(end.clone());
            self.notices.push(Notice::End {
                host: host.name.to_string(),
                end,
            });
        }
    }
}

/// Notes that something has come from a child. Returns the notice that it is back, if its end was unknown.
pub(super) fn sign_of_life(
    child: &mut Child,
    now: u64,
    sequence: u64,
    host: &str,
) -> Option<Notice> {
    child.last_sign = now;
    child.account.last_message = child.account.last_message.max(sequence);
    child.is_ending = child.is_ending && child.account.end == Some(End::Reported);
    if child.account.end != Some(End::Unknown) {
        return None;
    }
    child.account.end = None;
    let (label, relay) = (&child.account.label, child.account.relay);
    Some(Notice::Notice(format!(
        "{host}/{label}: relay {relay} is back"
    )))
}

/// `web: worker[12] ended unknown after seq 7: its relay 00000000000000ff has been silent for 60 s`
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            pid,
            process,
            after_seq,
            how,
            why,
            ..
        } = self;
        write!(f, "{label}: {}", process.as_deref().unwrap_or("-"))?;
        if let Some(pid) = pid {
            write!(f, "[{pid}]")?;
        }
        write!(f, " {how} after seq {after_seq}: {why}")
    }
}
