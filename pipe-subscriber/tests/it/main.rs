//! Black-box tests: frames go in through readers in memory or real children, summaries and records come out.

mod accounts;
mod attach;
mod children;
mod dispatch;
mod ends;
mod escaping;
mod faults;
mod fragments;
mod labels;
mod prefixes;
mod records;
mod support;
mod tee;
mod until;
