//! Records of `log` that another logger passes on as events.

use log::Level;

use crate::support::records;

#[test]
fn a_record_of_log_that_came_as_an_event_has_its_own_call_site() {
    let records = records("info,app=debug", || {
        let _span = tracing::info_span!("request").entered();
        for target in ["app::db", "other"] {
            let record = log::Record::builder()
                .level(Level::Debug)
                .target(target)
                .module_path(Some("app::db::pool"))
                .file(Some("src/pool.rs"))
                .line(Some(42))
                .args(format_args!("hello"))
                .build();
            tracing_log::format_trace(&record).unwrap();
        }
    });
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!((record.level, &*record.target), (Level::Debug, "app::db"));
    assert_eq!(record.message, "hello");
    assert_eq!(record.module_path.as_deref(), Some("app::db::pool"));
    assert_eq!(
        (record.file.as_deref(), record.line),
        (Some("src/pool.rs"), Some(42))
    );
    assert!(record.key_values.is_empty());
    assert_eq!(record.spans.to_string(), "request");
}
