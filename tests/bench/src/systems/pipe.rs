//! `direct`, `buffered` and `shared`: this project.

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

pub const SHARED: Pipe = Pipe {
    delivery: Delivery::Shared,
};

/// The rings of a child's buffer.
const BUFFER: usize = 8 << 20;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

impl Logger for Pipe {
    fn name(&self) -> &'static str {
        match self.delivery {
            Delivery::Buffered => "buffered",
            Delivery::Shared => "shared",
            _ => "direct",
        }
    }

    fn title(&self) -> &'static str {
        match self.delivery {
            Delivery::Buffered => "**this project, buffered**",
            Delivery::Shared => "**this project, shared**",
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
            Delivery::Buffered | Delivery::Shared => 5_000_000,
            _ => 2_000_000,
        }
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        let mut spawn = Spawn::new(command).filter("info");
        if let Delivery::Shared = self.delivery {
            spawn = spawn.buffer(BUFFER);
        }
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
