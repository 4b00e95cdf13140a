//! Processes that are forked at any moment are processes of their own in the buffer.

use crate::campaign::seeded_campaign;

#[test]
fn forks_at_any_moment_tear_and_lose_nothing_and_have_accounts_of_their_own() {
    seeded_campaign("forks --forks 150 --per-stream 75");
}
