mod error;
mod own_runtime;
mod pipe_subscriber;
mod record_reader;
mod records;
mod run;

pub use {error::ReadError, pipe_subscriber::PipeSubscriber, records::Records};
