//! A collector of OpenTelemetry, which prints what it receives.

use std::{collections::BTreeMap, env, net::TcpListener, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

use crate::support::{Finished, parent, time, within};

#[test]
#[ignore = "needs rotel's agent, whose path is in ROTEL"]
fn opentelemetry_appender_log_shows_key_values_with_their_types_and_no_time() {
    let (finished, records) = records_of("opentelemetry-appender-log");
    assert_eq!(
        records
            .iter()
            .map(|record| record.shown(&finished))
            .collect::<Vec<_>>(),
        [
            "INFO(9) shop::orders: Str(order accepted) city=Str(Bern) items=Slice(Str(tea), Str(salt)) label=Str(w1) paid=Bool(true) price=Double(12.5) time=Str(TIME) user=Int(7)",
            "ERROR(17) shop::stock: Str(order failed) err=Str(out of stock) label=Str(w1) sku=Int(1234) time=Str(TIME)",
            "DEBUG(5) works_with::child: Str(done) label=Str(w1) time=Str(TIME)",
        ]
    );
    assert!(
        records
            .iter()
            .all(|record| record.fields["Timestamp"] == "0")
    );
}

#[test]
#[ignore = "needs rotel's agent, whose path is in ROTEL"]
fn records_that_the_example_makes_have_the_childs_time() {
    let (finished, records) = records_of("opentelemetry");
    assert_eq!(
        records
            .iter()
            .map(|record| record.shown(&finished))
            .collect::<Vec<_>>(),
        [
            "INFO(9) shop::orders: Str(order accepted) city=Str(Bern) items=Slice(Str(tea), Str(salt)) label=Str(w1) paid=Bool(true) price=Double(12.5) user=Int(7)",
            "ERROR(17) shop::stock: Str(order failed) err=Str(out of stock) \
             exception.message=Str(out of stock: an error occurred when formatting an argument) label=Str(w1) sku=Int(1234)",
            "DEBUG(5) works_with::child: Str(done) label=Str(w1)",
        ]
    );
    for record in &records {
        finished.assert_childs(time(&record.fields["Timestamp"]));
        assert_eq!(record.fields["-> code.file.path"], "Str(src/child.rs)");
        assert_eq!(
            record.fields["-> process.executable.name"],
            "Str(works-with)"
        );
        assert_eq!(
            record.fields["-> process.pid"], record.fields["-> thread.id"],
            "the child's main thread logs"
        );
    }
}

#[test]
#[ignore = "needs rotel's agent, whose path is in ROTEL"]
fn a_childs_own_spans_and_records_are_part_of_the_parents_trace() {
    let received = within(async {
        let mut rotel = Rotel::start().await;
        Finished::of(rotel.receiving_from(parent("trace"))).await;
        rotel.received(3).await
    });
    let field = |scope, name| {
        let block = received.iter().find(|block| block.scope == scope);
        block.expect("a span of each process and a record").fields[name].as_str()
    };
    assert_eq!(
        (field("parent", "Name"), field("parent", "Parent ID")),
        ("order", "")
    );
    assert_eq!(
        (field("child", "Name"), field("child", "Parent ID")),
        ("packing", field("parent", "ID"))
    );
    assert_eq!(field("child", "Trace ID"), field("parent", "Trace ID"));

    let record = "works_with::otel::trace";
    assert_eq!(field(record, "Body"), "Str(packed)");
    assert_eq!(field(record, "Trace ID"), field("parent", "Trace ID"));
    assert_eq!(field(record, "Span ID"), field("child", "ID"));
}

/// Runs a parent whose collector is rotel. Returns the log records that arrived there, by their targets.
fn records_of(logger: &str) -> (Finished, Vec<Received>) {
    within(async {
        let mut rotel = Rotel::start().await;
        let finished = Finished::of(rotel.receiving_from(parent(logger))).await;
        let mut records = rotel.received(3).await;
        records.sort_by(|one, other| one.scope.cmp(&other.scope));
        (finished, records)
    })
}

/// A log record or a span as the collector prints it: lines of `name: value`, for attributes `-> name: value`.
struct Received {
    scope: String,
    fields: BTreeMap<String, String>,
}

impl Received {
    /// Level, target, body and attributes, with `TIME` for the child's time. Attributes that tell where the record
    /// comes from are left out.
    fn shown(&self, finished: &Finished) -> String {
        let severity = self.fields["SeverityNumber"]
            .strip_prefix("SEVERITY_NUMBER_")
            .expect("a number");
        let mut shown = format!("{severity} {}: {}", self.scope, self.fields["Body"]);
        for (name, value) in &self.fields {
            if let Some(name) = name.strip_prefix("-> ")
                && !["code.", "process.", "thread.", "telemetry.", "service."]
                    .iter()
                    .any(|origin| name.starts_with(origin))
            {
                shown += &format!(" {name}={value}");
            }
        }
        finished.masked(&shown)
    }
}

/// The collector.
struct Rotel {
    _agent: Child,
    output: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Rotel {
    /// Starts the collector and waits until it accepts connections.
    async fn start() -> Self {
        let [address, other] = free_addresses();
        let mut command =
            Command::new(env::var_os("ROTEL").expect("the path of rotel's agent in ROTEL"));
        command.args([
            "start",
            "--exporter",
            "blackhole",
            "--debug-log-verbosity",
            "detailed",
        ]);
        command.args(["--debug-log", "logs", "--debug-log", "traces"]);
        command.args([
            "--otlp-grpc-endpoint",
            &address,
            "--otlp-http-endpoint",
            &other,
        ]);
        let mut agent = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let output = BufReader::new(agent.stdout.take().expect("its stdout")).lines();
        while TcpStream::connect(&address).await.is_err() {
            assert_eq!(agent.try_wait().expect("its state"), None, "it has ended");
            tokio::task::yield_now().await;
        }
        Self {
            _agent: agent,
            output,
            address,
        }
    }

    /// The same command with this collector in the standard variable.
    fn receiving_from(&self, mut command: Command) -> Command {
        command.env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", self.address),
        );
        command
    }

    /// Waits until the collector has printed this number of log records and spans.
    async fn received(&mut self, count: usize) -> Vec<Received> {
        let begins = |line: &str| line.starts_with("LogRecord #") || line.starts_with("Span #");
        let ends = |line: &str| line.starts_with("Flags:") || line.starts_with("End time:");
        let mut received = Vec::new();
        let (mut scope, mut fields) = (String::new(), BTreeMap::new());
        while received.len() < count {
            let line = self
                .output
                .next_line()
                .await
                .expect("text")
                .expect("it runs");
            let line = line.trim();
            if let Some(name) = line.strip_prefix("InstrumentationScope ") {
                scope = name.to_owned();
            } else if begins(line) {
                fields.clear();
            } else if let Some((name, value)) = line.split_once(':') {
                fields.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            if ends(line) {
                received.push(Received {
                    scope: scope.clone(),
                    fields: fields.clone(),
                });
            }
        }
        received
    }
}

/// Two addresses of this machine that nobody has.
fn free_addresses() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("its address").to_string())
}
