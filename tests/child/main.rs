//! The helper program of the end-to-end tests. Its first argument names the scenario that it runs.
//!
//! Most scenarios are children with a record pipe. Those called `parent-...` start children themselves.

mod adoption;
mod contexts;
mod descriptors;
mod endings;
mod families;
mod foreign_fds;
mod identity;
mod late;
mod listen;
mod nesting;
mod noise;
mod numbers;
mod overflow;
mod parents;
mod records;
mod refused;
mod sandboxed;
mod scarce;
mod scopes;
#[cfg(feature = "shared-buffer")]
mod shared;
mod siblings;
mod stalled;
mod tools;
mod traced;
mod trouble;
mod watched;

fn main() {
    let mut args = std::env::args().skip(1);
    let scenario = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let text = |position: usize| args.get(position).map_or("", String::as_str);
    let number = |position: usize| text(position).parse().expect("a number");

    match &*scenario {
        "fields" => records::fields(),
        "forged" => records::forged(),
        "context" => records::context(),
        "order" => records::order(number(0), number(1)),
        "sizes" => records::sizes(&args),
        "sweep" => records::sweep(number(0), number(1)),
        "repeat" => records::repeat(text(0), number(1)),
        "texts" => records::texts(&args),
        "kinds" => records::kinds(),
        "errors" => records::errors(),
        #[cfg(feature = "kv_serde")]
        "structures" => records::structures(),
        "together" => records::together(number(0), number(1)),
        "large-parts" => records::large_in_every_part(),
        "long-names" => records::long_names(),

        "end" => endings::end(text(0)),
        "die" => endings::die(text(0), number(1)),
        "acks" => endings::log_for_ever(text(0), number(1), number(2)),
        "panic-caught" => endings::caught_panic(),
        "close-while-logging" => endings::close_while_logging(),
        "exit-while-logging" => endings::exit_while_logging(text(0)),
        "exit-while-saying-hello" => endings::exit_while_saying_hello(),
        "installed" => endings::installed(),
        "orphan" => endings::orphan(text(0)),

        "init" => adoption::init(),
        "init-or" => adoption::init_or(),
        "twice" => adoption::twice(),
        "levels" => adoption::levels(text(0)),
        "stdin" => adoption::stdin(),
        "stdin-in-chroot" => adoption::stdin_in_a_chroot(text(0)),
        "moves" => adoption::moves(),
        "logger-before" => adoption::logger_before(),
        "no-descriptor" => adoption::no_descriptor(),
        "daemon" => adoption::daemon(),
        "inherits-the-variable" => adoption::pass_on_the_variable(),

        "traced" => traced::traced(text(0)),
        "traced-or" => traced::traced_or(),
        "traced-twice" => traced::traced_twice(text(0)),
        "traced-late" => traced::traced_late(),
        "traced-fork" => traced::traced_fork(),
        "traced-by-itself" => traced::traced_by_itself(),

        "fork" => families::fork_and_log(),
        "fork-silent" => families::fork_in_silence(text(0)),
        "fork-after-close" => families::fork_after_close(),
        "fork-storm" => families::fork_storm(number(0), number(1)),
        "forks-for-ever" => families::forks_for_ever(number(0), number(1)),
        "share" => families::share(),
        "share-after-hook" => families::share_after_hook(),
        "exec" => families::exec(),
        "exec-fails" => families::exec_that_fails(),
        "leave-sleeper" => families::leave_sleeper(text(0) == "shared"),
        "leave-logger" => families::leave_logger(number(0)),
        "log-after-parent" => families::log_after_parent(number(0)),
        "packets" => families::log_packets(number(0)),
        "log" => families::log_some(number(0)),

        "sandboxed" => sandboxed::sandboxed(text(0), text(1), text(2)),
        "sandboxed-for-life" => sandboxed::sandboxed_for_life(text(0), text(1)),
        "wait-without-poll" => sandboxed::wait_without_poll(text(0)),

        "two-namespaces" => identity::two_namespaces(number(0), number(1), text(2)),
        "nested-namespaces" => identity::nested_namespaces(number(0), number(1)),
        "cloned" => identity::cloned(number(0), number(1), text(2)),
        "cloned-in-display" => identity::cloned_in_display(number(0)),
        "two-programs" => identity::two_programs(),

        "display-logs" => nesting::display_logs(),
        "drop-logs" => nesting::drop_logs(),
        "thread-local-logs" => nesting::thread_local_logs(),
        "destructors-of-keys" => late::destructors_of_keys(text(0)),
        "exit-without-thread-locals" => late::exit_without_thread_locals(),
        "deep" => nesting::deep(),
        "display-panics" => nesting::display_panics(),
        "hook-logs" => nesting::hook_logs(),
        "fork-in-display" => nesting::fork_in_display(),
        "runtime" => nesting::in_a_runtime(),

        "atexit" => contexts::exit_hooks_log(),
        "thread-exits" => contexts::thread_ends_in_display(),
        "thread-cancelled" => contexts::thread_is_cancelled(),
        "waits-for-signals" => contexts::waits_for_signals(),
        "never-yields" => contexts::in_a_runtime_that_never_yields(),
        "runtime-gone" => contexts::after_the_runtime(),
        "busy-runtime" => contexts::in_a_busy_runtime(),

        "stall" => overflow::stall(text(0), number(1)),
        "drop" => overflow::drop_until_there_is_room(text(0)),
        "exempt" => overflow::exempt(),
        "flood" => overflow::flood(text(0), number(1), number(2), number(3)),
        "exit-when-full" => overflow::exit_when_full(number(0)),
        "exit-while-a-report-waits" => overflow::exit_while_a_report_waits(),
        "panic-when-full" => overflow::panic_when_full(),

        "scopes" => scopes::all_kinds(),
        "scopes-in-fallback" => scopes::in_fallback(),
        "scopes-fork" => scopes::fork_inside(),
        "scopes-fork-storm" => scopes::fork_storm(number(0)),
        "scopes-panic" => scopes::panic_inside(),
        "scopes-abort" => scopes::abort_inside(),
        "scopes-exit" => scopes::exit_inside(),
        "scopes-late" => scopes::log_in_a_group_at_the_end(),
        "scopes-exec" => scopes::exec_inside(),
        "scopes-process" => scopes::hold_back_the_process(),
        "scopes-escalate" => scopes::escalate_for_ever(number(0), number(1)),
        "scopes-open" => scopes::open_and_close(number(0), number(1)),
        "scopes-many" => scopes::many_at_once(number(0), number(1)),
        "scopes-levels" => scopes::global_level(),

        "listen" => listen::listen(),
        "scarce" => scarce::log_with(number(0), number(1)),
        "stalled" => stalled::calls(text(0), number(1)),
        "stall-table" => stalled::table(),
        "gone" => trouble::parent_is_gone(text(0)),
        "parent-limits" => trouble::limits(),
        "parent-full-disk" => trouble::full_disk(),
        "parent-killed" => trouble::killed(text(0)),
        "parent-slow" => trouble::slow_sink(),

        "flags" => descriptors::flags(),
        "share-closed" => descriptors::share_what_is_closed(),
        "bad-fd" => descriptors::bad_descriptor(),
        "pipes" => descriptors::pipes(),
        "unfinished" => descriptors::write_unfinished_records(number(0)),
        "raw" => descriptors::copy_stdin_to_the_pipe(),

        "parent-hello" => parents::hello(),
        "child-hello" => parents::child_hello(),
        "parent-200" => parents::many_spawns(number(0)),
        "parent-fails" => parents::failing_spawns(number(0)),
        "parent-level" => parents::level(text(0)),
        "parent-filter" => parents::filter_from_env(text(0)),
        "parent-memory" => parents::memory(number(0)),
        "parent-numbers" => numbers::of_write_ends(),
        "parent-threads" => parents::from_two_threads(number(0)),
        "parent-siblings" => siblings::parent(text(0), text(1)),
        "victim" => siblings::victim(text(0)),
        "intruder" => siblings::intruder(text(0), text(1), text(2)),
        "parent-foreign" => foreign_fds::among_spawns(number(0)),
        "list-pipes" => foreign_fds::list_pipes(),
        "parent-dies" => parents::die(),
        "parent-refused" => watched::read(text(0), text(1), text(2)),
        "parent-threadless" => watched::without_a_thread(),
        "parent-sigwait" => watched::wait_for_a_signal(),
        "live-on" => watched::live_on(text(0)),
        "parent-noisy" => parents::noisy(),
        "parent-awaits-a-signal" => parents::await_a_signal(),
        "parent-without-threads" => parents::thread_that_cannot_be_had(),
        #[cfg(feature = "shared-buffer")]
        other => shared::run(other, &args),
        #[cfg(not(feature = "shared-buffer"))]
        other => panic!("there is no scenario {other:?}"),
    }
    noise::stop();
}
