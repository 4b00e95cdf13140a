//! log4rs. Its JSON encoder shows key-values if its feature `log_kv` is on. By its documentation, a pattern can show
//! single ones: `{K(user)}`.

use log::LevelFilter;
use log4rs::{
    append::console::{ConsoleAppender, Target},
    config::{Appender, Config, Root},
    encode::json::JsonEncoder,
};

use crate::{Result, parent};

pub async fn run() -> Result {
    let stderr = ConsoleAppender::builder()
        .target(Target::Stderr)
        .encoder(Box::new(JsonEncoder::new()))
        .build();
    let root = Root::builder().appender("stderr").build(LevelFilter::Debug);
    let appender = Appender::builder().build("stderr", Box::new(stderr));
    log4rs::init_config(Config::builder().appender(appender).build(root)?)?;
    parent::run().await
}
