//! A process with one dispatcher that is not the default: tracing asks only the default one about new call sites. It is
//! one test in a process of its own, because every other dispatcher would be asked too.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use log::Level;
use pipe_subscriber::{LogRecord, PipeSubscriber};
use record_proto::Encode;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_given_dispatcher_gets_records_of_call_sites_in_which_the_default_had_no_interest() {
    let mut stream = Vec::new();
    LogRecord::new(Level::Info, "worker", "done").encode_frame(&mut stream);
    let count = Count::default();
    let given = Dispatch::new(tracing_subscriber::registry().with(count.clone()));

    // The call site becomes known while there is no default.
    let run = PipeSubscriber::new(&stream[..]).run_into_tracing();
    assert_eq!(run.await.unwrap().received, 1);
    assert_eq!(count.0.load(Ordering::Relaxed), 0);

    let run = PipeSubscriber::new(&stream[..]).run_into_dispatch(given);
    assert_eq!(run.await.unwrap().received, 1);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}
