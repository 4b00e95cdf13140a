//! Tests with real servers: `relay`, `collect` and nats-server as processes, which are killed, cut off and refused.
//!
//! `NATS_SERVER` names the server's program. `RECORDS`, `KILLS` and `AWAY_SECONDS` say how long the tests are.

mod alone;
mod away;
mod conf;
mod flow;
mod kills;
mod refusals;
mod root;
mod support;
mod takeover;
mod throughput;
mod trickle;
