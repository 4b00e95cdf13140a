//! Tests the clients in other languages: `examples/clients`. Each test is one scenario in one language.
//!
//! The test children, `examples/clients/*/child.*`, are started as `CHILD SCENARIO [ARG..]`. They print nothing to
//! stdout but what their scenario says, flush it, and exit with code 0.
//!
//! | scenario | what the child does |
//! |---|---|
//! | `hello` | one record of level info, target `clients.hello`, message `hello from LANGUAGE`, key-values user="ada", n=7 |
//! | `types` | a record for each type, with the key `value`: `null` null, `bool` true, `int` -7, `big` 2^53 + 1, `unsigned` 2^64 - 1, `float` 1.5, `whole` 1.0, `text` "x", `list` [1, "a", null], `map` {"a": 1, "b": [true]}; and a record `level` of each level |
//! | `error` | one record `failed` with the error `cannot open` and its cause `no such file`, and with its traceback if the language has one |
//! | `nasty` | the records of `examples/clients/nasty.md`, then a record `end` |
//! | `flood THREADS N` | N records `flood` in all, from THREADS threads at full speed, with n = 0.. within each thread |
//! | `big BYTES` | a record whose message is BYTES times `x`, then a record `after` |
//! | `unicode` | a record whose message, only key and the value of that key are [`UNICODE`](values::UNICODE) |
//! | `ack` | records `ack` with n = 0.. for ever; after each log call it writes n and a newline to stdout |
//! | `survive N` | writes `ready`, waits for a line on stdin, logs N records, writes `done` |
//! | `fork` | logs `parent` and forks; the new process logs `child` and ends, the old one waits for it and logs `parent again` |
//! | `json THREADS N` | for `measure`: as `flood`, but as JSON lines on stderr, as programs in this language log them |
//! | `families N` | forks N times while four threads log 2,000 records of 10 KB; each new process logs `child`, and `child` with as much |
//! | `no-memory` | logs `before`, a record of level warn for which there is no memory, and `after` |
//! | `uncaught` | ends by the error `nobody catches this`, which nothing catches |
//! | `recipes` | a record through each of the language's own libraries, whose message is the library's name |
//!
//! The children are found in the folder that the variable `CLIENTS` names and that `tests/clients/install` fills:
//!
//! ```text
//! tests/clients/install target/ci-clients          # all languages; or: tests/clients/install target/ci-clients c go
//! CLIENTS=$PWD/target/ci-clients cargo test -p tests --test clients -- --ignored        # or: ... -- --ignored c::
//! cargo build --release -p examples --example run_child && tests/clients/measure target/ci-clients    # records/s
//! ```

mod adoption;
mod delivery;
mod kit;
mod language;
mod libraries;
mod nasty;
mod of_python;
#[expect(dead_code, unused_imports, reason = "the tests of e2e need more of it")]
#[path = "../e2e/support.rs"]
mod support;
mod values;

/// All scenarios.
mod scenarios {
    pub(crate) use crate::{
        adoption::*, delivery::*, kit::*, libraries::*, nasty::nasty, values::*,
    };
}

/// Makes the tests of a language: the scenarios that every client has, and those after the colon.
macro_rules! language {
    ($language:ident: $($more:ident)*) => {
        language! { $language =
            hello types levels error nasty unicode big json
            flood killed survives reader_goes_while_the_pipe_is_full pipe_is_non_blocking
            no_variable stale_variables files_and_read_ends standard_input close_on_exec filters mistyped_filter
            conformance
            $($more)*
        }
    };
    ($language:ident = $($scenario:ident)*) => {
        mod $language {
            $(
                #[test]
                #[ignore = "needs the children that tests/clients/install builds"]
                fn $scenario() {
                    crate::scenarios::$scenario(&crate::language::$language());
                }
            )*
        }
    };
}

language!(python: fork conformance_of_forks recipes uncaught);
language!(node: recipes uncaught pino);
language!(go: uncaught slogtest);
language!(ruby: fork families uncaught);
// The same header and the same child, compiled as C++ too, and for a kernel before 6.18.
language!(c: fork conformance_of_forks recipes glib_and_syslog families dropped);
language!(cpp: fork conformance_of_forks recipes glib_and_syslog families dropped);
language!(c_old: fork conformance_of_forks recipes glib_and_syslog families dropped);
