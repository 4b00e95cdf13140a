//! `direct` and `shared`: this project.

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

pub const SHARED: Pipe = Pipe {
    delivery: Delivery::Shared,
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

impl Logger for Pipe {
    fn name(&self) -> &'static str {
        match self.delivery {
            Delivery::Shared => "shared",
            _ => "direct",
        }
    }

    fn title(&self) -> &'static str {
        match self.delivery {
            Delivery::Shared => "**this project, shared**",
            _ => "**this project, direct**",
        }
    }

    fn install(&self) -> Result<Installed> {
        PipeHandler::builder().delivery(self.delivery).init()?;
        Ok(Installed::new(reference::by_log, || {
            // What was not sent is seen by the parent.
            let _closed = pipe_handler::close(CLOSE_TIMEOUT);
        }))
    }
}

impl System for Pipe {
    fn per_second(&self) -> u64 {
        match self.delivery {
            Delivery::Shared => 5_000_000,
            _ => 2_000_000,
        }
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        let spawn = Spawn::new(command).filter("info");
        let spawn = match self.delivery {
            Delivery::Shared => spawn,
            _ => spawn.buffer(0),
        };
        let (child, logs) = spawn.spawn()?;
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
