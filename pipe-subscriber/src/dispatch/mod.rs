mod attach;
mod escape;
mod label_in;
mod logger;
mod parent_keys;

pub(crate) use logger::Dispatch;
pub use {attach::Attach, escape::Escaping, label_in::LabelIn};
