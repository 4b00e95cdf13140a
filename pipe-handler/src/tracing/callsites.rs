//! The call sites of `tracing`, by which its copies in `log` are recognised.
//!
//! With its feature `log-always`, `tracing` logs each event through `log` too, and the beginnings and ends of spans. The
//! subscriber has seen these already.

use log::Record;
use once_cell::race::OnceBox;
use tracing_core::{LevelFilter, Metadata, subscriber::Interest};
use tracing_subscriber::layer::{self, Context};

/// The number of lists in [`CALLSITES`].
const LISTS: usize = 256;

/// The call sites that were registered, in lists. There are no more than the program has, so they are never freed.
///
/// Neither a lookup nor a registration takes a lock: a process that was forked while another thread registers a call site
/// must not wait for it.
static CALLSITES: [OnceBox<Callsite>; LISTS] = [const { OnceBox::new() }; LISTS];

/// One call site.
struct Callsite {
    place: Place,
    next: OnceBox<Callsite>,
}

/// Where the macro is: the address of the file name, which is the same in a copy, and the line.
#[derive(Clone, Copy, PartialEq)]
struct Place {
    file: usize,
    line: u32,
}

/// Remembers a call site.
pub(super) fn note(metadata: &'static Metadata<'static>) {
    let Some(place) = Place::new(metadata.file(), metadata.line()) else {
        return;
    };
    let mut slot = place.list();
    loop {
        let callsite = slot.get_or_init(|| {
            let next = OnceBox::new();
            Box::new(Callsite { place, next })
        });
        if callsite.place == place {
            return;
        }
        slot = &callsite.next;
    }
}

/// Returns whether `tracing` has made this record from an event or a span.
///
/// A copy has a static file name that is not marked as static. The macros of `log` mark it, and a record that was
/// rebuilt from another process has a file name at another address.
pub(super) fn is_copy(record: &Record<'_>) -> bool {
    let place = match record.file_static() {
        None => Place::new(record.file(), record.line()),
        Some(_) => None,
    };
    place.is_some_and(is_known)
}

fn is_known(place: Place) -> bool {
    let mut slot = place.list();
    while let Some(callsite) = slot.get() {
        if callsite.place == place {
            return true;
        }
        slot = &callsite.next;
    }
    false
}

impl Place {
    fn new(file: Option<&str>, line: Option<u32>) -> Option<Self> {
        let file = file?.as_ptr().addr();
        Some(Self { file, line: line? })
    }

    fn list(self) -> &'static OnceBox<Callsite> {
        &CALLSITES[(self.file >> 3 ^ self.line as usize) % LISTS]
    }
}

/// Lets nothing through, and remembers the call sites: for a process without a pipe.
#[derive(Debug)]
pub(super) struct NoteOnly;

impl<S> layer::Filter<S> for NoteOnly {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        false
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        note(metadata);
        Interest::never()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }
}
