//! The values, handlers and hold-back of a scope, and groups of records. A room of its own: the other folders know only
//! [`log`] and [`escalate_panic`], and nothing of it is needed to understand them. It uses `record` and `sys`.

mod budget;
mod chunk;
mod dispatcher;
mod fork_mutex;
mod guard;
mod handle;
mod hold;
mod hold_back;
mod in_scope;
mod inherited;
mod instrumented;
mod keeper;
mod layer;
mod leave;
mod levels;
mod macros;
mod merge;
mod per_process;
mod place;
mod queue;
mod stack;
mod state;
mod turn;
mod wrap;

pub use {
    dispatcher::{ApplicationBinding, Dispatcher},
    guard::ScopeGuard,
    handle::Scope,
    hold_back::{AfterEscalation, HoldBack},
    instrumented::Instrumented,
    wrap::Scoped,
};
pub(crate) use {
    hold::Hold,
    place::{escalate_panic, log},
};
