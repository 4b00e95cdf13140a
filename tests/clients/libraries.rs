//! The language's own libraries as the way into the client.

use log::Level;

use crate::language::Language;

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
