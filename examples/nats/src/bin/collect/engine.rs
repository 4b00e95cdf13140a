//! `Engine`: from messages of the stream to records in order, and accounts. It has no connection.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_nats::HeaderMap;
use bytes::Bytes;
use nats_relay::{Address, BatchHeaders, Subject};
use record_proto::{Frame, LogRecord};

use super::{
    account::{ChildKey, Marks},
    child::Batch,
    clock::Clock,
    ends::sign_of_life,
    flow::{give_up_holes, push_batch},
    host::{Host, Stored},
    merge::Merge,
    notice::Notice,
    prefix::Prefix,
};

/// A message of the stream.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) sequence: u64,
    /// When the server stored it, in nanoseconds since 1970.
    pub(crate) stored: u64,
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Durations, in nanoseconds of the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// How long a frame is held, so that those of other children with an earlier time come before it.
    pub(crate) window: u64,
    /// How long batches wait for others of their child before them.
    pub(crate) hole: u64,
}

/// Orders frames, and keeps the accounts.
#[derive(Debug)]
pub(crate) struct Engine {
    prefix: Prefix,
    pub(super) times: Times,
    clock: Clock,
    pub(super) merge: Merge<Item>,
    pub(super) hosts: HashMap<Arc<str>, Host>,
    /// The highest sequence that was read.
    read: u64,
    pub(super) notices: Vec<Notice>,
    /// How many messages were left out because they are not those of a relay.
    foreign: u64,
}

/// Something on its way through the window.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) host: Arc<str>,
    pub(super) child: ChildKey,
    /// The stream sequence of its message, or 0 if it comes from none.
    pub(crate) sequence: u64,
    pub(super) redelivered: bool,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Frame {
        frame: Frame,
        ordinal: u64,
        fills_hole: bool,
    },
    /// The relay reports the end.
    Ended {
        last: Option<u64>,
        exit: String,
        unsent: u64,
    },
    /// The relay has been silent for too long, or another one has taken its place.
    Lost(String),
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) host: &'a str,
    pub(crate) label: &'a str,
    pub(crate) marks: Marks,
}

impl Engine {
    pub(crate) fn new(prefix: Prefix, times: Times) -> Self {
        Self {
            prefix,
            times,
            clock: Clock::default(),
            merge: Merge::new(times.window),
            hosts: HashMap::new(),
            read: 0,
            notices: Vec::new(),
            foreign: 0,
        }
    }

    /// Adds a host with its stored state, before its first message.
    pub(crate) fn restore(&mut self, name: &str, stored: Stored) {
        let host = Host::from_stored(name, stored, self.clock.now());
        self.hosts.insert(Arc::clone(&host.name), host);
    }

    /// Returns the host of a message that is not known yet.
    pub(crate) fn new_host(&self, message: &Message) -> Option<String> {
        let (address, _) = self.prefix.parse(&message.subject)?;
        (!self.hosts.contains_key(&*address.host)).then_some(address.host)
    }

    /// Receives a message. Sequences ascend; one that was received before is left out.
    pub(crate) fn receive(&mut self, message: Message) {
        if message.sequence <= self.read {
            return;
        }
        self.read = message.sequence;
        let now = self.clock.message(message.stored);
        let Some((address, kind)) = self.prefix.parse(&message.subject) else {
            return self.note_foreign(&message.subject, "its subject is not that of a relay");
        };
        let host = match self.hosts.get_mut(&*address.host) {
            Some(host) => host,
            None => {
                let host = Host::new(&address.host, message.sequence);
                self.hosts.entry(Arc::clone(&host.name)).or_insert(host)
            }
        };
        if message.sequence <= host.skip_to {
            return;
        }
        host.is_dirty = true;
        if host.note_label(&address.label) {
            let advice = "a label names a service, of which there are few, and not a job";
            self.notices.push(Notice::Notice(format!(
                "{}: more than 1,000 labels; {advice}",
                address.host
            )));
        }
        let received = match kind {
            Subject::Control => self.control(&address, &message, now),
            Subject::Batches | Subject::Frames(_) => self.batch(&address, &message, now),
        };
        if let Err(reason) = received {
            self.note_foreign(&message.subject, &reason);
        }
        self.merge.arrived(now);
    }

    fn batch(&mut self, address: &Address, message: &Message, now: u64) -> Result<(), String> {
        let headers =
            BatchHeaders::from_headers(&message.headers).map_err(|error| error.to_string())?;
        let Some(host) = self.hosts.get_mut(&*address.host) else {
            return Ok(());
        };
        let batch = Batch {
            sequence: message.sequence,
            stored: message.stored,
            redelivered: message.sequence <= host.redelivered_to,
            first: headers.first,
            last: headers.last,
            body: message.body.clone(),
        };
        let key = (headers.relay, headers.child);
        let child = host.child(key, &address.label, headers.first, now);
        self.notices
            .extend(sign_of_life(child, now, message.sequence, &address.host));
        push_batch(host, key, batch, now, &mut self.merge);
        // For their number: those that wait for too long are found with the next tick.
        give_up_holes(host, key, None, &mut self.merge);
        Ok(())
    }

    /// Notes that nothing was stored for this long, although all messages have been read.
    pub(crate) fn idle(&mut self, passed: Duration) {
        self.clock.idle(passed);
    }

    /// Gives up holes and finds silent relays, as of now.
    pub(crate) fn tick(&mut self) {
        let now = self.clock.now();
        if let Some(before) = now.checked_sub(self.times.hole) {
            for host in self.hosts.values_mut() {
                let waiting = host
                    .children
                    .iter()
                    .filter(|(_, child)| child.order.is_waiting());
                for key in waiting.map(|(key, _)| *key).collect::<Vec<_>>() {
                    give_up_holes(host, key, Some(before), &mut self.merge);
                }
                host.forget_lost(now);
            }
        }
        self.end_silent(now);
        self.merge.arrived(now);
    }

    /// Returns the next item that may be dispatched now, and whether it is late.
    pub(crate) fn next(&mut self) -> Option<(Item, bool)> {
        self.merge.pop(self.clock.now())
    }

    /// Returns the next item, even if its window has not ended.
    pub(crate) fn next_of_all(&mut self) -> Option<(Item, bool)> {
        self.merge.pop_any()
    }

    /// Counts an item. Returns its record, if it is one.
    pub(crate) fn dispatch<'i>(
        &'i mut self,
        item: &'i Item,
        is_late: bool,
    ) -> Option<(Origin<'i>, LogRecord<'i>)> {
        let Content::Frame {
            frame,
            ordinal,
            fills_hole,
        } = &item.content
        else {
            self.end(item);
            return None;
        };
        let host = self.hosts.get_mut(&item.host)?;
        host.finish(item.sequence);
        let child = host.children.get_mut(&item.child)?;
        let late = is_late || *fills_hole;
        let marks = Marks {
            late,
            redelivered: item.redelivered,
        };
        let record = child.account.frame(*ordinal, frame.payload(), marks)?;
        Some((
            Origin {
                host: &item.host,
                label: &child.account.label,
                marks,
            },
            record,
        ))
    }

    /// Returns what has to be stored of a host, with a position of at most `limit`. Messages up to `open` may be dispatched
    /// before the next snapshot.
    pub(crate) fn snapshot(&mut self, host: &str, open: Option<u64>, limit: u64) -> Stored {
        let read = self.read;
        let host = self.hosts.get_mut(host);
        host.map_or_else(Stored::default, |host| host.snapshot(read, open, limit))
    }

    /// Returns the sequence before the first message of these hosts, which are new.
    pub(crate) fn before_all(&self, hosts: &[String]) -> u64 {
        let known = hosts.iter().filter_map(|host| self.hosts.get(&**host));
        known.map(|host| host.skip_to).min().unwrap_or(u64::MAX)
    }

    /// Forgets parts of the accounts of a host, whose state is too long.
    pub(crate) fn shrink(&mut self, host: &str) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.shrink();
        }
    }

    /// Returns the hosts in the order of their names.
    pub(crate) fn hosts(&self) -> Vec<&Host> {
        let mut hosts: Vec<_> = self.hosts.values().collect();
        hosts.sort_by(|one, other| one.name.cmp(&other.name));
        hosts
    }

    /// Returns the highest sequence that was read.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    pub(crate) fn foreign(&self) -> u64 {
        self.foreign
    }

    fn note_foreign(&mut self, subject: &str, reason: &str) {
        if self.foreign == 0 {
            let text =
                format!("a message is left out, {subject}: {reason}; further ones are counted");
            self.notices.push(Notice::Notice(text));
        }
        self.foreign += 1;
    }
}
