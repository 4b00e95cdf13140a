//! Black-box tests: frames go in through readers in memory or real children, summaries and records come out.

mod accounts;
mod adoption;
mod attach;
#[cfg(feature = "capture")]
mod capture;
mod child_support;
mod children;
mod collect;
mod dispatch;
mod ends;
mod escaping;
mod faults;
mod fragments;
#[cfg(feature = "frames")]
mod frames;
mod instances;
mod labels;
mod live;
mod logger_panics;
mod prefixes;
mod prepare;
mod rate_limit;
mod records;
mod summary_text;
mod support;
mod tee;
mod trace_context;
mod until;
