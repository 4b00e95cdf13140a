//! Loggers that write lines.

use serde_json::{Value, json};

use crate::support::{Finished, parent, within};

fn run(logger: &str) -> Finished {
    within(Finished::of(parent(logger)))
}

/// The lines of a logger as JSON, each without what is the parent's own in it.
fn run_json(logger: &str, own: &[&str]) -> Vec<Value> {
    let without = |line: String| {
        let mut line: Value = serde_json::from_str(&line).expect("JSON");
        line.as_object_mut()
            .expect("an object")
            .retain(|key, _| !own.contains(&key.as_str()));
        line
    };
    run(logger).lines().into_iter().map(without).collect()
}

#[test]
fn env_logger_shows_key_values() {
    assert_eq!(
        run("env_logger").lines(),
        [
            "[INFO  shop::orders] order accepted label=w1 time=TIME user=7 price=12.5 paid=true city=Bern items=[\"tea\", \"salt\"]",
            "[ERROR shop::stock] order failed label=w1 time=TIME sku=1234 err=out of stock",
            "[DEBUG works_with::child] done label=w1 time=TIME",
        ]
    );
}

#[test]
fn fern_shows_key_values_that_its_closure_writes() {
    assert_eq!(
        run("fern").lines(),
        [
            "INFO shop::orders: order accepted label=w1 time=TIME user=7 price=12.5 paid=true city=Bern items=[\"tea\", \"salt\"]",
            "ERROR shop::stock: order failed label=w1 time=TIME sku=1234 err=out of stock",
            "DEBUG works_with::child: done label=w1 time=TIME",
        ]
    );
}

#[test]
fn flexi_logger_shows_key_values_and_the_module() {
    assert_eq!(
        run("flexi_logger").lines(),
        [
            r#"shop::orders: INFO [works_with::child] {label="w1", time="TIME", user=7, price=12.5, paid=true, city="Bern", items=["tea", "salt"]} order accepted"#,
            r#"shop::stock: ERROR [works_with::child] {label="w1", time="TIME", sku=1234, err=out of stock: an error occurred when formatting an argument} order failed"#,
            r#"works_with::child: DEBUG [works_with::child] {label="w1", time="TIME"} done"#,
        ]
    );
}

#[test]
fn log4rs_shows_key_values_as_text() {
    assert_eq!(
        run_json(
            "log4rs",
            &[
                "time",
                "thread",
                "thread_id",
                "mdc",
                "file",
                "line",
                "module_path"
            ]
        ),
        [
            json!({
                "level": "INFO", "target": "shop::orders", "message": "order accepted",
                "attributes": {
                    "label": "w1", "time": "TIME", "user": "7", "price": "12.5", "paid": "true", "city": "Bern", "items": "[\"tea\", \"salt\"]",
                },
            }),
            json!({
                "level": "ERROR", "target": "shop::stock", "message": "order failed",
                "attributes": { "label": "w1", "time": "TIME", "sku": "1234", "err": "out of stock" },
            }),
            json!({
                "level": "DEBUG", "target": "works_with::child", "message": "done",
                "attributes": { "label": "w1", "time": "TIME" },
            }),
        ]
    );
}

#[test]
fn logforth_shows_key_values_with_their_types() {
    assert_eq!(
        run_json("logforth", &["timestamp", "file", "line"]),
        [
            json!({
                "level": "INFO", "target": "shop::orders", "message": "order accepted",
                "kvs": { "label": "w1", "time": "TIME", "user": 7, "price": 12.5, "paid": true, "city": "Bern", "items": ["tea", "salt"] },
            }),
            json!({
                "level": "ERROR", "target": "shop::stock", "message": "order failed",
                "kvs": { "label": "w1", "time": "TIME", "sku": 1234, "err": "out of stock" },
            }),
            json!({
                "level": "DEBUG", "target": "works_with::child", "message": "done",
                "kvs": { "label": "w1", "time": "TIME" },
            }),
        ]
    );
}

#[test]
fn simplelog_shows_a_label_in_the_target_and_no_key_values() {
    assert_eq!(
        run("simplelog").lines(),
        [
            "[INFO] w1/shop::orders: order accepted",
            "[ERROR] w1/shop::stock: order failed",
            "[DEBUG] (1) w1/works_with::child: done",
        ]
    );
}

#[test]
fn tracing_subscriber_shows_key_values_as_fields() {
    assert_eq!(
        run("tracing-subscriber").lines(),
        [
            r#" INFO shop::orders: order accepted label="w1" time="TIME" user=7 price=12.5 paid=true city="Bern" items=["tea","salt"]"#,
            r#"ERROR shop::stock: order failed label="w1" time="TIME" sku=1234 err=out of stock err.sources=[an error occurred when formatting an argument]"#,
            r#"DEBUG works_with::child: done label="w1" time="TIME""#,
        ]
    );
}

#[test]
fn tracing_log_shows_a_label_in_the_target_and_no_key_values() {
    assert_eq!(
        run("tracing-log").lines(),
        [
            " INFO w1/shop::orders: order accepted",
            "ERROR w1/shop::stock: order failed",
            "DEBUG w1/works_with::child: done",
        ]
    );
}
