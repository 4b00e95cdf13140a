//! `Trouble`: a problem between relay and server, printed once when it begins and once when it is over.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::support::stdio::eprint_line;

/// A trouble that comes back within this time was never over: a stream that is nearly full takes short messages and
/// refuses long ones.
const CALM: Duration = Duration::from_secs(5);

/// The troubles that last, by what they hinder. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<BTreeMap<String, Lasting>>>);

#[derive(Debug, Default)]
struct Lasting {
    /// The texts that were printed.
    texts: Vec<String>,
    /// When it worked again for the first time.
    calm_since: Option<Instant>,
}

impl Trouble {
    /// Prints what hinders `what`, unless it was printed already and is not over.
    pub(crate) fn begins(&self, what: &str, text: String) {
        let mut all = self.lock();
        let lasting = all.entry(what.to_owned()).or_default();
        lasting.calm_since = None;
        if !lasting.texts.contains(&text) {
            say(&text);
            lasting.texts.push(text);
        }
    }

    /// Notes that `what` has worked once. If it has worked for a while, prints that it works again.
    pub(crate) fn eases(&self, what: &str) {
        let mut all = self.lock();
        let Some(lasting) = all.get_mut(what) else {
            return;
        };
        let since = lasting.calm_since.get_or_insert_with(Instant::now);
        if since.elapsed() > CALM {
            say(format_args!("{what} works again"));
            all.remove(what);
        }
    }

    /// Prints that `what` works again, if it did not.
    pub(crate) fn ends(&self, what: &str) {
        if self.lock().remove(what).is_some() {
            say(format_args!("{what} works again"));
        }
    }

    /// Returns the texts of all troubles that last.
    pub(crate) fn lasting(&self) -> Vec<String> {
        let all = self.lock();
        let lasting = all.values().filter(|lasting| lasting.calm_since.is_none());
        lasting
            .flat_map(|lasting| lasting.texts.iter().cloned())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Lasting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a line of this program on standard error.
pub(crate) fn say(line: impl Display) {
    eprint_line(format_args!("relay: {line}"));
}
