//! Scenarios of a shared buffer.

mod bells;
mod buffers;
mod limited;
mod spawn_cost;

/// Runs the scenario of this name.
pub(crate) fn run(scenario: &str, args: &[String]) {
    let text = |position: usize| args.get(position).map_or("", String::as_str);
    let number = |position: usize| text(position).parse().expect("a number");

    match scenario {
        "spoil" => buffers::spoil(text(0)),
        "overwrite-own" => buffers::overwrite_own(number(0)),
        "overwrite" => buffers::overwrite(number(0)),
        "beside-a-spoiler" => buffers::beside_a_spoiler(text(0), number(1), number(2)),
        "offered" => buffers::offered(),
        "defaults" => buffers::log_by_default(),
        "limited" => limited::child(text(0), text(1), text(2), number(3), number(4)),
        "parent-limited" => limited::parent(text(0), text(1)),
        "parent-few-descriptors" => limited::parent_with_few_descriptors(),
        "bells" => bells::ring(text(0)),
        "spawn-cost" => spawn_cost::spawn_cost(number(0), number(1), number(2)),
        other => panic!("there is no scenario {other:?}"),
    }
}
