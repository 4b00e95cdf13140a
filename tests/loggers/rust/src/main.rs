//! Logs the same three lines through the logger that the first argument names.

use slog::Drain;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    match &*name {
        "env_logger" => env_logger::builder().filter_level(log::LevelFilter::Info).init(),
        "fern" => fern::Dispatch::new()
            .format(|out, message, record| {
                out.finish(format_args!("[{}][{}] {message}", record.level(), record.target()));
            })
            .chain(std::io::stderr())
            .apply()
            .unwrap(),
        "flexi_logger" => _ = flexi_logger::Logger::try_with_str("info").unwrap().start().unwrap(),
        "simplelog" => {
            let config = simplelog::Config::default();
            simplelog::WriteLogger::init(log::LevelFilter::Info, config, std::io::stderr()).unwrap();
        }
        "tracing" => tracing_subscriber::fmt().with_ansi(true).init(),
        "tracing_json" => tracing_subscriber::fmt().json().init(),
        "rust_slog_json" => return slog_lines(slog_json::Json::default(std::io::stderr()).fuse()),
        "rust_slog_term" => {
            let decorator = slog_term::PlainSyncDecorator::new(std::io::stderr());
            return slog_lines(slog_term::FullFormat::new(decorator).build().fuse());
        }
        _ => panic!("no logger {name}"),
    }
    if name.starts_with("tracing") {
        tracing::info!(port = 8080, ratio = 0.5, "ready");
        tracing::warn!(port = 8080, ratio = 0.5, "disk almost full");
        tracing::error!(port = 8080, ratio = 0.5, "cannot open");
    }
    if !name.starts_with("tracing") {
        log::info!("ready");
        log::warn!("disk almost full");
        log::error!("cannot open");
    }
}

fn slog_lines(drain: impl Drain<Ok = (), Err = slog::Never> + Send + 'static) {
    let drain = std::sync::Mutex::new(drain).fuse();
    let log = slog::Logger::root(drain, slog::o!());
    slog::info!(log, "ready"; "port" => 8080, "ratio" => 0.5);
    slog::warn!(log, "disk almost full"; "port" => 8080, "ratio" => 0.5);
    slog::error!(log, "cannot open"; "port" => 8080, "ratio" => 0.5);
}
