//! `direct` and `buffered`: this project.

use std::{
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Result, ensure};
use log::Log;
use pipe_handler::{Delivery, PipeHandler};
use pipe_subscriber::{Spawn, StreamEnd};

use super::{Installed, Join, Logger, System, join_task};
use crate::reference;

/// This project.
pub struct Pipe {
    delivery: Delivery,
}

pub const DIRECT: Pipe = Pipe {
    delivery: Delivery::Direct,
};

pub const BUFFERED: Pipe = Pipe {
    delivery: Delivery::Buffered,
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

impl Logger for Pipe {
    fn name(&self) -> &'static str {
        match self.delivery {
            Delivery::Buffered => "buffered",
            _ => "direct",
        }
    }

    fn title(&self) -> &'static str {
        match self.delivery {
            Delivery::Buffered => "**this project, buffered**",
            _ => "**this project, direct**",
        }
    }

    fn install(&self) -> Result<Installed> {
        let builder = PipeHandler::builder().delivery(self.delivery);
        let guard = builder.init_guarded()?;
        Ok(Installed::new(reference::by_log, move || {
            // What was not sent is seen by the parent.
            let _closed = guard.close(CLOSE_TIMEOUT);
        }))
    }
}

impl System for Pipe {
    fn per_second(&self) -> u64 {
        match self.delivery {
            Delivery::Buffered => 5_000_000,
            _ => 2_000_000,
        }
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        let (child, logs) = Spawn::new(command).filter("info").spawn()?;
        let task = tokio::spawn(async {
            let summary = logs.run_into(sink).await?;
            let missing = summary.missing + summary.dropped + summary.malformed;
            ensure!(missing == 0, "{summary:?}");
            ensure!(summary.end == StreamEnd::Clean, "{summary:?}");
            Ok(())
        });
        Ok((child, join_task(task)))
    }
}
