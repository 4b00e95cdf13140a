//! A nats-server with one of the configuration files of `conf/`.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions,
    jetstream::{self, Message, consumer::pull::OrderedConfig},
};
use futures_util::{StreamExt, TryStreamExt};
use rustix::process::Signal;

use super::{Place, Process, certificates};

pub(crate) const STREAM: &str = "LOGS";

/// A hub or a leaf, which can be killed and started again with the same store.
pub(crate) struct Server {
    /// `hub` or the name of the host.
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Has the certificates.
    dir: PathBuf,
    conf: PathBuf,
    environment: BTreeMap<&'static str, String>,
    process: Option<Process>,
    /// The processor time of the processes that were killed.
    used: Duration,
}

impl Server {
    pub(crate) fn hub(dir: &Path, place: Place) -> Self {
        let mut hub = Self::new(dir, "hub", place, "hub.conf");
        hub.set("LEAF_LISTEN", format!("{}:7422", hub.place.address));
        hub.set("COLLECT_PASSWORD", "collect-secret");
        hub.set("STORE_LIMIT", "1TB");
        hub
    }

    pub(crate) fn leaf(dir: &Path, host: &str, place: Place, hub: &Server) -> Self {
        let mut leaf = Self::new(dir, host, place, "leaf.conf");
        leaf.set("HOST", host);
        leaf.set("SUBJECTS", format!("logs.{host}.>"));
        leaf.set("HUB", format!("tls://{}:7422", hub.place.address));
        leaf.set("RELAY_PASSWORD", "relay-secret");
        leaf.set("STORE_LIMIT", "10GB");
        leaf
    }

    /// A server for everything on one machine.
    pub(crate) fn alone(dir: &Path, place: Place) -> Self {
        let mut alone = Self::new(dir, "alone", place, "alone.conf");
        let listen = alone.environment["LISTEN"].clone();
        alone.configure("127.0.0.1:4222", &listen);
        alone.configure("/tmp/nats-logs", &dir.join("store").display().to_string());
        alone
    }

    fn new(dir: &Path, name: &str, place: Place, conf: &str) -> Self {
        certificates::certificate(dir, name, &place.address);
        let mut server = Self {
            name: name.to_owned(),
            place,
            dir: dir.to_owned(),
            conf: self::conf(conf),
            environment: BTreeMap::new(),
            process: None,
            used: Duration::ZERO,
        };
        let file = |file: String| dir.join(file).display().to_string();
        server.set("CERT", file(format!("{name}.pem")));
        server.set("KEY", file(format!("{name}.key")));
        server.set("CA", file("ca.pem".to_owned()));
        server.set("STORE", file(format!("{name}-store")));
        server.set("LISTEN", format!("{}:4222", server.place.address));
        server.set("MONITOR", format!("{}:8222", server.place.address));
        server.set("SYNC", "\"2m\"");
        server.set("ADMIN_PASSWORD", "admin-secret");
        server.set("SYSTEM_PASSWORD", "system-secret");
        server
    }

    /// Sets a variable of the configuration file.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.insert(name, value.into());
    }

    /// Changes its configuration file: from now on it has a copy of its own.
    pub(crate) fn configure(&mut self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.conf).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        self.conf = self.dir.join(format!("{}.conf", self.name));
        fs::write(&self.conf, text.replace(from, to)).unwrap();
    }

    /// Lets the server read its configuration file again.
    pub(crate) async fn reload(&mut self) {
        let process = self.process();
        process.signal(Signal::HUP);
        process.line("Reloaded server configuration").await;
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        let program = env::var("NATS_SERVER").expect("NATS_SERVER names a nats-server");
        let mut command = self.place.command(&program);
        command.arg("-c").arg(&self.conf);
        command.env_clear().envs(&self.environment);
        let process = self
            .process
            .insert(Process::start(&self.name, &mut command));
        process.line("Server is ready").await;
        // For example a value of a wrong type.
        let errors = process.errors();
        assert!(!errors.contains("invalid use of field"), "{errors}");
    }

    /// Kills the server by SIGKILL.
    pub(crate) async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await;
        self.used += process.cpu();
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    pub(crate) fn cpu(&self) -> Duration {
        self.used + self.process.as_ref().map_or(Duration::ZERO, Process::cpu)
    }

    /// The options with which a program connects as a user.
    pub(crate) fn options(&self, user: &str) -> Vec<String> {
        let password = self.dir.join(format!("{user}.password"));
        // Once: another program may be reading it.
        if !password.exists() {
            fs::write(&password, format!("{user}-secret\n")).unwrap();
        }
        let password = password.display().to_string();
        let mut options = [
            "--server",
            &self.url(),
            "--user",
            user,
            "--password-file",
            &password,
        ]
        .map(str::to_owned)
        .to_vec();
        if self.name == "hub" {
            options.extend([
                "--tls-ca".to_owned(),
                self.authority().display().to_string(),
            ]);
        }
        options
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.name == "hub" { "tls" } else { "nats" };
        format!("{scheme}://{}:4222", self.place.address)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    pub(crate) fn connect_options(&self, user: &str) -> ConnectOptions {
        let options =
            ConnectOptions::with_user_and_password(user.to_owned(), format!("{user}-secret"));
        options.add_root_certificates(self.authority())
    }

    /// Connects as a user.
    pub(crate) async fn client(&self, user: &str) -> Client {
        let url = self.url();
        let client = self.connect_options(user).connect(&url).await;
        client.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// Makes the stream of the file, for the host of this server.
    pub(crate) async fn create_stream(&self) {
        let (file, host) = match self.name.as_str() {
            "hub" => ("hub-stream.json", "edge1"),
            host => ("leaf-stream.json", host),
        };
        let config = fs::read_to_string(conf(file)).unwrap();
        let config = config.replace("edge1", host);
        self.request(&format!("$JS.API.STREAM.CREATE.{STREAM}"), config)
            .await;
    }

    /// Sends a request to the server's JetStream as its administrator, and returns the answer.
    pub(crate) async fn request(
        &self,
        subject: &str,
        body: impl Into<String>,
    ) -> serde_json::Value {
        let client = self.client("admin").await;
        let answer = client.request(subject.to_owned(), body.into().into()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{subject}: {error}"));
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert!(answer.get("error").is_none(), "{subject}: {answer}");
        answer
    }

    /// Reads the first messages of the stream, and waits until there are as many.
    pub(crate) async fn messages(&self, number: usize) -> Vec<Message> {
        let context = jetstream::new(self.client("admin").await);
        let stream = context.get_stream(STREAM).await.unwrap();
        let config = OrderedConfig::default();
        let messages = stream
            .create_consumer(config)
            .await
            .unwrap()
            .messages()
            .await
            .unwrap();
        messages.take(number).try_collect().await.unwrap()
    }
}

/// The path of a file of `conf/`.
fn conf(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conf")
        .join(file)
}
