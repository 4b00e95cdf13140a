//! The interner: keeps the call sites of all children, up to a number of bytes.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
    mem::size_of,
    sync::{LazyLock, Mutex, PoisonError},
};

use super::call_site::{CallSite, CallSiteKey};

/// The most bytes that the call sites of all children may take in this process.
const MAX_BYTES: usize = 4 << 20;

/// The most bytes that the call sites of one subscriber may add, so that one child cannot use up all of them.
pub(super) const MAX_BYTES_OF_ONE: usize = 1 << 20;

/// What a call site takes in addition to its texts: itself, its place in this interner's table and in tracing's list.
const SITE_BYTES: usize = size_of::<CallSite>() + 96;

/// What a text or a list of names takes in a table.
const ENTRY_BYTES: usize = 48;

static INTERNER: LazyLock<Mutex<Interner>> = LazyLock::new(|| Mutex::new(Interner::new(MAX_BYTES)));

/// Returns the call site with this key, or makes it if it is not there and there is room.
///
/// `left` is the number of bytes that the caller may still add. The fields' names must differ from each other.
pub(super) fn intern(key: &CallSiteKey<'_>, left: &mut usize) -> Option<&'static CallSite> {
    // Nothing here calls code of the program, so the lock is held for a short time only.
    let site = INTERNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .intern(key, left);
    if let Some(site) = site {
        site.register();
    }
    site
}

/// Call sites and their texts, each of them kept once.
#[derive(Debug)]
struct Interner {
    sites: HashMap<u64, Vec<&'static CallSite>>,
    texts: HashSet<&'static str>,
    field_lists: HashMap<&'static [&'static str], &'static [&'static str]>,
    hasher: RandomState,
    /// The bytes that may still be added.
    left: usize,
}

impl Interner {
    fn new(bytes: usize) -> Self {
        Self {
            sites: HashMap::new(),
            texts: HashSet::new(),
            field_lists: HashMap::new(),
            hasher: RandomState::new(),
            left: bytes,
        }
    }

    fn intern(&mut self, key: &CallSiteKey<'_>, left: &mut usize) -> Option<&'static CallSite> {
        let hash = self.hasher.hash_one(key);
        let same_hash = self.sites.get(&hash);
        if let Some(site) = same_hash.and_then(|sites| sites.iter().find(|site| site.key() == key))
        {
            return Some(site);
        }
        let name = name_of(key);
        let bytes = self.bytes_of(key, &name);
        if bytes > self.left.min(*left) {
            return None;
        }
        *left -= bytes;
        self.left -= bytes;

        let name = self.text(&name);
        let site = CallSite::leak(self.keep(key), name);
        self.sites.entry(hash).or_default().push(site);
        Some(site)
    }

    /// Returns how many bytes a new call site takes.
    fn bytes_of(&self, key: &CallSiteKey<'_>, name: &str) -> usize {
        let mut bytes = SITE_BYTES;
        let texts = [Some(key.target), key.file, key.module_path, Some(name)];
        let mut add = |text: &str| {
            if !self.texts.contains(text) {
                bytes += text.len() + ENTRY_BYTES;
            }
        };
        texts.into_iter().flatten().for_each(&mut add);
        if self.kept_field_list(key.fields).is_none() {
            key.fields.iter().copied().for_each(&mut add);
            bytes += size_of_val(key.fields) + ENTRY_BYTES;
        }
        bytes
    }

    fn keep(&mut self, key: &CallSiteKey<'_>) -> CallSiteKey<'static> {
        CallSiteKey {
            is_span: key.is_span,
            level: key.level,
            line: key.line,
            name: key.name.map(|name| self.text(name)),
            target: self.text(key.target),
            file: key.file.map(|file| self.text(file)),
            module_path: key.module_path.map(|module| self.text(module)),
            fields: self.field_list(key.fields),
        }
    }

    fn text(&mut self, text: &str) -> &'static str {
        if let Some(kept) = self.texts.get(text) {
            return kept;
        }
        let kept: &'static str = Box::leak(text.into());
        self.texts.insert(kept);
        kept
    }

    fn field_list(&mut self, fields: &[&str]) -> &'static [&'static str] {
        if let Some(kept) = self.kept_field_list(fields) {
            return kept;
        }
        let kept: Vec<&'static str> = fields.iter().map(|field| self.text(field)).collect();
        let kept: &'static [&'static str] = Box::leak(kept.into());
        self.field_lists.insert(kept, kept);
        kept
    }

    fn kept_field_list(&self, fields: &[&str]) -> Option<&'static [&'static str]> {
        // Keys of any lifetime can be looked up only in a map whose keys have the same lifetime.
        let lists: &HashMap<&[&str], &'static [&'static str]> = &self.field_lists;
        lists.get(fields).copied()
    }
}

/// Returns the name that tracing shows: the key's own, or one in the form of tracing's macros.
fn name_of<'a>(key: &CallSiteKey<'a>) -> Cow<'a, str> {
    match (key.name, key.file, key.line) {
        (Some(name), ..) => Cow::Borrowed(name),
        (None, Some(file), Some(line)) => Cow::Owned(format!("event {file}:{line}")),
        _ => Cow::Borrowed("event"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(target: &'a str, fields: &'a [&'a str]) -> CallSiteKey<'a> {
        CallSiteKey {
            is_span: false,
            level: 3,
            line: Some(7),
            name: None,
            target,
            file: Some("src/job.rs"),
            module_path: Some("worker::job"),
            fields,
        }
    }

    #[test]
    fn equal_keys_are_one_call_site_and_cost_nothing_more() {
        let mut interner = Interner::new(usize::MAX);
        let mut left = 10_000;
        let first = interner.intern(&key("worker", &["message", "job"]), &mut left);
        let after_first = left;
        let second = interner.intern(&key("worker", &["message", "job"]), &mut left);
        assert!(std::ptr::eq(first.unwrap(), second.unwrap()));
        assert_eq!(left, after_first);

        let other = interner.intern(&key("worker", &["message", "name"]), &mut left);
        assert!(!std::ptr::eq(first.unwrap(), other.unwrap()));
        let metadata = first.unwrap().metadata();
        assert_eq!(
            (metadata.name(), metadata.target()),
            ("event src/job.rs:7", "worker")
        );
    }

    #[test]
    fn no_call_site_is_made_beyond_either_bound() {
        for (all, one) in [(2000, usize::MAX), (usize::MAX, 2000)] {
            let mut interner = Interner::new(all);
            let mut left = one;
            let mut made = Vec::new();
            for n in 0..1000 {
                let target = format!("worker::{n:04}");
                made.extend(interner.intern(&key(&target, &["message"]), &mut left));
            }
            assert!((2..20).contains(&made.len()), "{}", made.len());
            assert!(interner.left.min(left) < SITE_BYTES + 100);

            // Those that were made are found as before.
            let again = interner.intern(&key("worker::0000", &["message"]), &mut left);
            assert!(std::ptr::eq(again.unwrap(), made[0]));
        }
    }

    #[test]
    fn a_key_that_is_longer_than_the_room_left_leaves_it_to_shorter_ones() {
        let mut interner = Interner::new(usize::MAX);
        let mut left = 2000;
        let long = "x".repeat(2000);
        assert!(
            interner
                .intern(&key(&long, &["message"]), &mut left)
                .is_none()
        );
        assert!(
            interner
                .intern(&key("short", &["message"]), &mut left)
                .is_some()
        );
    }
}
