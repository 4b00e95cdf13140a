//! The language's own libraries as the way into the client.

use log::Level;
use pipe_subscriber::LogRecord;

use crate::{language::Language, support::program};

/// A record through each library of the language.
pub(crate) fn recipes(language: &Language) {
    let outcome = language.child("recipes").run();
    outcome.assert_complete();
    let mut messages = outcome.messages();
    messages.sort_unstable();
    let mut expected = language.recipes.to_vec();
    expected.sort_unstable();
    assert_eq!(messages, expected);
}

/// What GLib and syslog know of a record arrives.
pub(crate) fn glib_and_syslog(language: &Language) {
    let outcome = language.child("recipes").run();
    let [glib, syslog] = &outcome.records[..] else {
        panic!("{:?}", outcome.messages());
    };
    assert_eq!((glib.level, &*glib.target), (Level::Warn, "clients.glib"));
    assert!(
        glib.file
            .as_deref()
            .is_some_and(|file| file.ends_with("child.c"))
    );
    assert!(glib.line.is_some());
    // C++ writes functions with their arguments.
    let pairs = glib
        .key_values
        .to_string()
        .replace("void recipes()", "recipes");
    assert_eq!(pairs, r#"{"CODE_FUNC":"recipes","USER":"ada"}"#);
    assert_eq!(
        (syslog.level, &*syslog.target),
        (Level::Info, "clients.syslog")
    );
}

/// What pino adds to a record: bindings, redaction, serializers, custom levels.
pub(crate) fn pino(language: &Language) {
    let outcome = language.child("pino").run();
    outcome.assert_complete();
    let [typed, failed, other, own] = &outcome.records[..] else {
        panic!("{:?}", outcome.messages());
    };
    let pairs = |record: &LogRecord<'_>| record.key_values.to_string();
    assert_eq!(
        (&*typed.message, &*typed.target, typed.level),
        ("typed 1", "shop", Level::Info)
    );
    let expected =
        r#"{"request":7,"big":9007199254740993,"password":"[Redacted]","list":[1.5,"a"]}"#;
    assert_eq!(pairs(typed), expected);

    assert_eq!(failed.message, "cannot open");
    let error = failed.error.as_ref().expect("an error");
    assert_eq!(error.message, "TypeError: cannot open");
    assert!(error.sources.iter().eq(["no such file"]), "{error:?}");
    assert_eq!(error.key.as_deref(), Some("err"));
    let backtrace = error.backtrace.as_deref().expect("a backtrace");
    assert!(backtrace.contains("child.mjs"), "{backtrace}");
    let expected = r#"{"request":7,"err":"TypeError: cannot open","err.code":"ENOENT"}"#;
    assert_eq!(pairs(failed), expected);

    let error = other.error.as_ref().expect("an error");
    assert_eq!(error.message, "under another key");
    assert_eq!(
        pairs(own),
        r#"{"level":"own level","request":7,"message":"own message"}"#
    );
    assert_eq!(own.level, Level::Error);
}

/// What log/slog asks of a handler, by its own test.
pub(crate) fn slogtest(language: &Language) {
    let program_of = |child: &str| child.replace("go-child", "go-slogtest");
    let command = language.command("");
    let (status, out, errors) = program(program_of(&command[0])).run_alone();
    assert!(status.success(), "{status}: {out}{errors}");
}
