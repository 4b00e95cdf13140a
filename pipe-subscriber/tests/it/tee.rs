//! The copy of the received frames.

use std::{
    io::{self, BufWriter, Write},
    sync::{Arc, Mutex},
};

use crate::support::{Stream, within};

#[derive(Clone, Default)]
struct Stored(Arc<Mutex<Vec<u8>>>);

impl Write for Stored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn everything() -> Stream {
    Stream::default()
        .hello(7)
        .record(7, 1)
        .payload(&[])
        .payload(&[99, 0x90])
        .payload(&[1; 300])
        .dropped(7, [1; 5])
        .close(7, 1, 5)
}

#[tokio::test]
async fn each_frame_is_stored_byte_by_byte_as_it_came() {
    let stream = everything();
    let stored = Stored::default();
    let subscriber = stream.subscriber().tee(BufWriter::new(stored.clone()));
    let summary = within(subscriber.run_with(|_| {})).await.unwrap();
    let stored = Stream(stored.0.lock().unwrap().clone());
    assert_eq!(stored.0, stream.0);

    let again = stored.summary().await;
    assert_eq!(again, summary);
}

#[tokio::test]
async fn a_bell_is_not_stored_and_counts_as_nothing() {
    let others = everything();
    let stream = others.clone().payload(&[5, 0x90]);
    let stored = Stored::default();
    let subscriber = stream.subscriber().tee(stored.clone());
    let summary = within(subscriber.run_with(|_| {})).await.unwrap();
    assert_eq!(*stored.0.lock().unwrap(), others.0);
    assert_eq!(summary, others.summary().await);
}

#[tokio::test]
async fn a_frame_that_is_cut_off_is_not_stored() {
    let mut stream = everything();
    let whole = stream.0.clone();
    stream.0.extend_from_slice(&[0, 0, 0, 9, 1, 2]);
    let stored = Stored::default();
    within(stream.subscriber().tee(stored.clone()).run_with(|_| {}))
        .await
        .unwrap();
    assert_eq!(*stored.0.lock().unwrap(), whole);
}

struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("it has failed before");
    }
}

#[tokio::test]
async fn if_storing_fails_the_records_go_on_and_it_is_noted() {
    let stream = Stream::default().hello(7).records(7, 1..=3).close(7, 3, 0);
    let summary = within(stream.subscriber().tee(Full).run_with(|_| {}))
        .await
        .unwrap();
    assert_eq!(summary.received, 3);
    assert_eq!(summary.reasons, ["storing the frames failed: disk full"]);
}

#[tokio::test]
async fn a_failing_flush_at_the_end_is_noted() {
    let stream = Stream::default().hello(7).close(7, 0, 0);
    let subscriber = stream.subscriber().tee(BufWriter::new(Full));
    let summary = within(subscriber.run_with(|_| {})).await.unwrap();
    assert_eq!(summary.reasons, ["storing the frames failed: disk full"]);
}
