use std::{
    cell::RefCell,
    future::Future,
    io::{PipeReader, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use tokio::runtime::{self, Runtime};

use super::super::drain::Drain;
use super::super::pipe_writer::AsyncPipe;
use super::*;
use crate::handler::PipeHandler;
use crate::transport::{Overflow, PIPE_BUF, Transport, WriteEnd};

/// A handler whose drain is a task that only the test polls.
struct Fixture {
    runtime: Runtime,
    reader: PipeReader,
    queue: Arc<Queue>,
    handler: PipeHandler,
    drain: Option<Drain>,
}

impl Fixture {
    fn new() -> Self {
        process::watch_forks();
        let (reader, writer) = std::io::pipe().unwrap();
        let queue = Arc::new(Queue::new(1024 * 1024));
        let end = Arc::new(WriteEnd::new(writer.into()));
        let transport = Transport::Buffered(Arc::clone(&queue), Pipe::new(end, false));
        let mut builder = PipeHandler::builder().exit_timeout(Duration::from_millis(1));
        let filter = builder.read_filter().unwrap();
        let handler = builder.make_with(filter, transport);
        let transport = handler.writer.transport();
        let drain = Drain::new(
            Arc::clone(&transport),
            Arc::clone(&queue),
            Duration::from_millis(1),
            AsyncPipe::new(transport),
        );
        Self {
            runtime: runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .unwrap(),
            reader,
            queue,
            handler,
            drain: Some(drain.lend()),
        }
    }

    fn pipe(&self) -> &Pipe {
        self.handler.writer.pipe().unwrap()
    }

    fn push(&self, frame: &[u8]) {
        let pushed = self.queue.push(frame, Some(self.pipe()), &mut deadline());
        assert_eq!(pushed, Written::Whole);
    }

    fn poll_drain(&mut self) {
        let _in = self.runtime.enter();
        let drain = self.drain.as_mut().unwrap();
        let _polled = Pin::new(drain).poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Drops everything else and reads the pipe to its end.
    fn read_to_end(mut self) -> Vec<u8> {
        drop((self.drain, self.queue, self.handler));
        let mut stream = Vec::new();
        self.reader.read_to_end(&mut stream).unwrap();
        stream
    }
}

fn deadline() -> Deadline {
    Deadline::new(Overflow::BlockFor(Duration::from_secs(60)))
}

/// A frame of the largest size.
fn frame(number: u32) -> Vec<u8> {
    let mut frame = ((PIPE_BUF - 4) as u32).to_be_bytes().to_vec();
    frame.resize(PIPE_BUF - 4, 9);
    frame.extend(number.to_be_bytes());
    frame
}

/// The numbers of the frames of that size.
fn numbers(stream: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut rest = stream;
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let (payload, behind) = behind.split_at(u32::from_be_bytes(*head) as usize);
        if payload.len() == PIPE_BUF - 4 {
            numbers.push(u32::from_be_bytes(*payload.last_chunk().unwrap()));
        }
        rest = behind;
    }
    numbers
}

#[test]
fn a_drain_that_is_polled_again_after_its_end_repeats_nothing() {
    let mut fixture = Fixture::new();
    fixture.push(&frame(1));
    fixture.poll_drain();
    assert!(fixture.queue.stop(fixture.pipe(), &mut deadline()));
    // A thread that has seen the drain alive pushes, and then sees it ended.
    assert_eq!(fixture.queue.rings.push(&frame(2)), Some(true));
    fixture.queue.settle(fixture.pipe(), &mut deadline());
    fixture.poll_drain();
    assert_eq!(numbers(&fixture.read_to_end()), [1, 2]);
}

#[test]
fn what_a_drain_was_writing_when_it_was_dropped_is_written_once() {
    let mut fixture = Fixture::new();
    for number in 0..100 {
        fixture.push(&frame(number));
    }
    // It fills the pipe and waits in the middle of what it has taken; dropped, it finds no room either.
    fixture.poll_drain();
    fixture.drain = None;
    let mut stream = vec![0; 64 * 1024];
    fixture.reader.read_exact(&mut stream).unwrap();
    let reader = fixture.reader.try_clone().unwrap();
    let rest = std::thread::spawn(move || {
        let mut rest = Vec::new();
        { reader }.read_to_end(&mut rest).unwrap();
        rest
    });
    let settled = fixture.queue.settle(fixture.pipe(), &mut deadline());
    assert_eq!(settled, Written::Whole);
    drop((fixture.handler, fixture.queue));
    stream.extend(rest.join().unwrap());
    assert_eq!(numbers(&stream), (0..100).collect::<Vec<_>>());
}

#[test]
fn what_another_thread_has_left_behind_an_ended_drain_is_written_at_the_exit() {
    let fixture = Fixture::new();
    let left = std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            // Makes the thread's ring, pushes, and finds the drain ended and no time to write.
            fixture.queue.rings.open(&[]);
            fixture.queue.rings.push(&frame(7))
        });
        pushing.join().unwrap()
    });
    assert_eq!(left, Some(true));
    fixture.queue.end();
    assert!(fixture.queue.stop(fixture.pipe(), &mut deadline()));
    assert_eq!(numbers(&fixture.read_to_end()), [7]);
}

#[test]
fn whoever_waits_for_room_holds_up_an_exit_no_longer_than_it_may_take() {
    let fixture = Fixture::new();
    fixture.push(&frame(1));
    fixture.queue.end();
    let _waits_for_room = fixture.queue.leftovers.turn();
    assert!(!fixture.queue.stop(fixture.pipe(), &mut Deadline::no_wait()));
    let settled = fixture
        .queue
        .settle(fixture.pipe(), &mut Deadline::no_wait());
    assert_eq!(settled, Written::Full);
}

/// Pushes one more frame when its thread ends, after the destructor of the thread's ring.
struct LastWord(Option<Arc<Queue>>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            assert_eq!(queue.rings.push(&frame(100)), None, "the ring is gone");
            let pushed = queue.push(&frame(100), None, &mut deadline());
            assert_eq!(pushed, Written::Whole);
        }
    }
}

thread_local! {
    static LAST_WORD: RefCell<LastWord> = const { RefCell::new(LastWord(None)) };
}

#[test]
fn what_a_thread_logs_last_comes_behind_more_than_a_drain_takes_at_once() {
    let mut fixture = Fixture::new();
    let queue = Arc::clone(&fixture.queue);
    let pushing = std::thread::spawn(move || {
        // Destructors run in the reverse of the order in which their values were first used.
        LAST_WORD.with_borrow_mut(|last| last.0 = Some(Arc::clone(&queue)));
        for number in 0..100 {
            let pushed = queue.push(&frame(number), None, &mut deadline());
            assert_eq!(pushed, Written::Whole);
        }
    });
    pushing.join().unwrap();
    let reader = fixture.reader.try_clone().unwrap();
    let stream = std::thread::spawn(move || {
        let mut stream = Vec::new();
        { reader }.read_to_end(&mut stream).unwrap();
        stream
    });
    fixture.queue.close();
    let drain = fixture.drain.take().unwrap();
    fixture.runtime.block_on(drain);
    drop((fixture.handler, fixture.queue));
    assert_eq!(
        numbers(&stream.join().unwrap()),
        (0..=100).collect::<Vec<_>>()
    );
}
