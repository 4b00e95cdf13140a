//! Where the processes of one host run: an address of their own on this machine, or a network namespace.

use std::{
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: String,
    namespace: Option<String>,
}

impl Place {
    /// An address of the loopback that no other test uses: all servers have their usual ports.
    pub(crate) fn loopback() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        // Pids have 22 bits. Tests of one process differ in the last two.
        let number = (process::id() & 0xffff) << 6 | COUNT.fetch_add(1, Relaxed) & 0x3f;
        let [_, a, b, c] = number.to_be_bytes();
        Self {
            address: format!("127.{}.{b}.{c}", 64 + a),
            namespace: None,
        }
    }

    /// A network namespace that `ip netns` has made.
    pub(crate) fn namespace(name: &str, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            namespace: Some(name.to_owned()),
        }
    }

    /// A command that runs there.
    pub(crate) fn command(&self, program: &str) -> Command {
        let Some(namespace) = &self.namespace else {
            return Command::new(program);
        };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command
    }
}
