//! Hosts as network namespaces, joined by a bridge in the namespace of the hub.

use std::{
    fs::File,
    process::{self, Command},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

use super::Place;

pub(crate) struct Network {
    hosts: Vec<&'static str>,
}

impl Network {
    /// Makes the namespaces, and moves this thread into that of the hub. A test does this on a thread of its own.
    pub(crate) fn new(hosts: &[&'static str]) -> Self {
        let network = Self {
            hosts: hosts.to_vec(),
        };
        let hub = name("hub");
        ip(&format!("netns add {hub}"));
        ip(&format!("-n {hub} link set lo up"));
        ip(&format!("-n {hub} link add br0 type bridge"));
        ip(&format!(
            "-n {hub} addr add {}/24 dev br0",
            network.hub().address
        ));
        ip(&format!("-n {hub} link set br0 up"));
        for host in hosts {
            let namespace = name(host);
            ip(&format!("netns add {namespace}"));
            ip(&format!("-n {namespace} link set lo up"));
            ip(&format!(
                "-n {namespace} link add eth0 type veth peer name {host} netns {hub}"
            ));
            ip(&format!("-n {hub} link set {host} master br0 up"));
            ip(&format!(
                "-n {namespace} addr add {}/24 dev eth0",
                network.host(host).address
            ));
            ip(&format!("-n {namespace} link set eth0 up"));
        }
        let hub = File::open(format!("/run/netns/{hub}")).unwrap();
        move_into_link_name_space(hub.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        network
    }

    pub(crate) fn hub(&self) -> Place {
        Place::namespace(&name("hub"), "10.77.0.1")
    }

    pub(crate) fn host(&self, host: &str) -> Place {
        let number = self
            .hosts
            .iter()
            .position(|other| *other == host)
            .expect("a host of the network");
        Place::namespace(&name(host), &format!("10.77.0.{}", 11 + number))
    }

    /// Takes the cable of a host out. Nobody is told: connections stay until they notice.
    pub(crate) fn cut(&self, host: &str) {
        ip(&format!("-n {} link set {host} down", name("hub")));
    }

    pub(crate) fn join(&self, host: &str) {
        ip(&format!("-n {} link set {host} up", name("hub")));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in self.hosts.iter().chain(&["hub"]) {
            // What a failed test has not made cannot be removed.
            let _ = Command::new("ip")
                .args(["netns", "del", &name(host)])
                .status();
        }
    }
}

fn name(host: &str) -> String {
    format!("logs-{}-{host}", process::id())
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(
        status.expect("ip(8) is installed").success(),
        "ip {arguments}"
    );
}
