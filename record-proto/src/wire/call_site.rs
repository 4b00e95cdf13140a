//! `CallSites`: the parts of a record that are the same for all records of a call site, kept encoded.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::event::Event;
use crate::msgpack::{SliceWriter, write};

/// The most call sites that one thread keeps.
const SLOTS: usize = 64;

/// The most bytes of encoded level and target. A call site with longer ones is not kept.
pub(crate) const FRONT: usize = 48;

/// The most bytes of encoded module path, file and line. A call site with longer ones is not kept.
const BACK: usize = 112;

/// The number of misses after which a call site replaces another one.
///
/// A replacement costs more than encoding a record without the cache. If each miss replaced one, a program with more
/// call sites than slots would replace one for each record.
const MISSES: u32 = 16;

/// The most bytes that the call sites of all threads take together. Beyond that, no more are kept.
const MOST_BYTES: usize = 64 * 1024;

/// The bytes that the call sites of all threads take.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// The call sites that a thread has logged from.
///
/// A call site is found by the address of its file name and its line. Then all its parts are compared by content,
/// because a plugin may be unloaded, and another one may then have the same addresses.
#[derive(Debug)]
pub(crate) struct CallSites {
    /// One more than the index in `sites`; 0 if there is none.
    slots: [u8; SLOTS],
    sites: Vec<CallSite>,
    misses: u32,
}

/// The parts of a record that are the same for all records of a call site, encoded.
#[derive(Debug, Clone)]
pub(crate) struct CallSite {
    line: u32,
    level: log::Level,
    /// The encoded level and target, at the end of the block.
    front: [u8; FRONT],
    front_length: u8,
    target_length: u8,
    /// The encoded module path, file and line, at the beginning of the block.
    back: [u8; BACK],
    back_length: u8,
    /// The start and the length of the module path in `back`.
    module_path: (u8, u8),
    /// The start and the length of the file in `back`.
    file: (u8, u8),
}

impl CallSites {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [0; SLOTS],
            sites: Vec::new(),
            misses: 0,
        }
    }

    /// Returns the call site of an event, if it is known or can be kept.
    #[inline(always)]
    pub(crate) fn find(&mut self, event: &impl Event) -> Option<&CallSite> {
        let (module_path, file) = event.source_static()?;
        let line = event.line()?;
        let slot = (file.as_ptr() as usize >> 3 ^ line as usize) % SLOTS;
        let place = usize::from(self.slots[slot]).wrapping_sub(1);
        let is_known = self.sites.get(place).is_some_and(|site| {
            site.line == line
                && site.level == event.level()
                && same(site.target(), event.target().as_bytes())
                && same(site.file(), file.as_bytes())
                && same(site.module_path(), module_path.as_bytes())
        });
        match is_known {
            true => self.sites.get(place),
            false => self.keep(slot, event, module_path, file, line),
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(
        &mut self,
        slot: usize,
        event: &impl Event,
        module_path: &str,
        file: &str,
        line: u32,
    ) -> Option<&CallSite> {
        let place = match self.slots[slot] {
            0 => self.new_place()?,
            place => {
                self.misses = self.misses.wrapping_add(1);
                if !self.misses.is_multiple_of(MISSES) {
                    return None;
                }
                usize::from(place) - 1
            }
        };
        let site = CallSite::new(event.level(), event.target(), module_path, file, line)?;
        match self.sites.get_mut(place) {
            Some(other) => *other = site,
            None => self.sites.push(site),
        }
        self.slots[slot] = u8::try_from(place + 1).ok()?;
        self.sites.get(place)
    }

    /// Makes room for one more call site and returns its index. Returns `None` if the call sites of all threads would
    /// take too much memory, or if there is none.
    fn new_place(&mut self) -> Option<usize> {
        if self.sites.len() == self.sites.capacity() {
            let more = self.sites.capacity().max(4);
            let bytes = more * size_of::<CallSite>();
            // Relaxed: it is only a sum; no other memory is published by it.
            let before = BYTES.fetch_add(bytes, Relaxed);
            if before + bytes > MOST_BYTES || self.sites.try_reserve_exact(more).is_err() {
                BYTES.fetch_sub(bytes, Relaxed);
                return None;
            }
        }
        Some(self.sites.len())
    }
}

impl Drop for CallSites {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.sites.capacity() * size_of::<CallSite>(), Relaxed);
    }
}

impl CallSite {
    /// Encodes the parts of a call site. Returns `None` if they are too long.
    fn new(
        level: log::Level,
        target: &str,
        module_path: &str,
        file: &str,
        line: u32,
    ) -> Option<Self> {
        if target.len() > FRONT - 3 || module_path.len() + file.len() > BACK - 9 {
            return None;
        }
        let (mut front, mut back) = ([0; FRONT], [0; BACK]);
        let mut writer = SliceWriter::new(&mut front);
        write::uint(&mut writer, level as u64);
        write::str(&mut writer, target);
        let front_length = writer.length();
        let mut writer = SliceWriter::new(&mut back);
        let mut text = |text: &str| {
            write::str(&mut writer, text);
            let start = writer.length() - text.len();
            Some((u8::try_from(start).ok()?, u8::try_from(text.len()).ok()?))
        };
        let (module_path, file) = (text(module_path)?, text(file)?);
        write::uint(&mut writer, line.into());
        let back_length = writer.length();
        front.rotate_right(FRONT - front_length);
        Some(Self {
            line,
            level,
            front_length: u8::try_from(front_length).ok()?,
            front,
            target_length: u8::try_from(target.len()).ok()?,
            back_length: u8::try_from(back_length).ok()?,
            back,
            module_path,
            file,
        })
    }

    /// Returns level and target: a block, and the number of its last bytes that they take.
    #[inline(always)]
    pub(crate) fn front(&self) -> (&[u8; FRONT], usize) {
        (&self.front, usize::from(self.front_length))
    }

    /// Returns module path, file and line: a block, and the number of its first bytes that they take.
    #[inline(always)]
    pub(crate) fn back(&self) -> (&[u8; BACK], usize) {
        (&self.back, usize::from(self.back_length))
    }

    #[inline(always)]
    fn target(&self) -> &[u8] {
        &self.front[FRONT - usize::from(self.target_length)..]
    }

    #[inline(always)]
    fn module_path(&self) -> &[u8] {
        part(&self.back, self.module_path)
    }

    #[inline(always)]
    fn file(&self) -> &[u8] {
        part(&self.back, self.file)
    }
}

#[inline(always)]
fn part(bytes: &[u8], (start, length): (u8, u8)) -> &[u8] {
    let start = usize::from(start);
    &bytes[start..start + usize::from(length)]
}

/// Returns whether two texts are equal. Most lengths are compared inline, because a call of `memcmp` takes longer.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        4..8 => ends::<4>(a, b),
        8..=16 => ends::<8>(a, b),
        17..=32 => ends::<16>(a, b),
        33..=64 => ends::<32>(a, b),
        _ => a == b,
    }
}

#[inline(always)]
fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}
