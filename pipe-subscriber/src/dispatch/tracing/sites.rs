//! `Sites`: the call sites of one subscriber's records.

use std::borrow::Cow;

use super::call_site::{CallSite, CallSiteKey};
use super::interner::{MAX_BYTES_OF_ONE, intern};

/// How many call sites a subscriber finds without a look into the interner.
const RECENT: usize = 256;

/// The call sites that a subscriber used recently, and how many bytes of new ones it may still add.
#[derive(Debug)]
pub(crate) struct Sites {
    /// Empty until the first use.
    recent: Vec<Option<&'static CallSite>>,
    left: usize,
}

impl Sites {
    pub(crate) const fn new() -> Self {
        Self {
            recent: Vec::new(),
            left: MAX_BYTES_OF_ONE,
        }
    }

    /// Returns the call site with this key, or `None` if there is none and no room for another one.
    #[inline]
    pub(super) fn find(&mut self, key: &CallSiteKey<'_>) -> Option<&'static CallSite> {
        let slot = slot_of(key);
        // A call site has field names that differ from each other. If the key's are equal to these, they differ too.
        if let Some(&Some(site)) = self.recent.get(slot)
            && site.key() == key
        {
            return Some(site);
        }
        self.intern(key, slot)
    }

    #[cold]
    #[inline(never)]
    fn intern(&mut self, key: &CallSiteKey<'_>, slot: usize) -> Option<&'static CallSite> {
        let names = unique(key.fields);
        let fields: Vec<&str> = names.iter().map(|name| &**name).collect();
        let key = CallSiteKey {
            fields: &fields,
            ..*key
        };
        let site = intern(&key, &mut self.left)?;
        self.recent.resize(RECENT, None);
        self.recent[slot] = Some(site);
        Some(site)
    }
}

/// Returns the names with a `_` appended to each one that an earlier field has, as often as needed.
///
/// Formatters show `r#type` as `type`, so these are equal too.
fn unique<'n>(names: &[&'n str]) -> Vec<Cow<'n, str>> {
    let mut used: Vec<Cow<'n, str>> = Vec::with_capacity(names.len());
    for &name in names {
        let mut name = Cow::Borrowed(name);
        while used
            .iter()
            .any(|other| shown_name(other) == shown_name(&name))
        {
            name.to_mut().push('_');
        }
        used.push(name);
    }
    used
}

/// Returns a name as formatters of tracing show it: without the mark of a raw identifier.
fn shown_name(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Returns a number below [`RECENT`] that mostly differs for the call sites of one program.
#[inline]
fn slot_of(key: &CallSiteKey<'_>) -> usize {
    let text = key.name.unwrap_or(key.target).as_bytes();
    let last = text
        .last_chunk::<8>()
        .map_or(0, |end| u64::from_le_bytes(*end));
    let mut hash = last ^ text.len() as u64;
    for part in [
        u64::from(key.line.unwrap_or_default()),
        key.fields.len() as u64 ^ u64::from(key.level) << 8,
    ] {
        hash = (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash as usize % RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_earlier_fields_get_a_suffix() {
        let names = ["message", "a", "a", "message", "a_", "a"];
        let expected = ["message", "a", "a_", "message_", "a__", "a___"];
        assert_eq!(unique(&names), expected);

        let names = ["label", "r#label", "r#type", "type", "r#r#label", "r#"];
        let expected = ["label", "r#label_", "r#type", "type_", "r#r#label", "r#"];
        assert_eq!(unique(&names), expected);
    }
}
