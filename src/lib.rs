//! mockmx is a mock of the mail provider on the other side.

pub mod accounts;
pub mod address;
pub mod clock;
mod dns;
pub mod document;
pub mod escape;
pub mod explain;
pub mod facts;
pub mod generation;
pub mod http;
pub mod identity;
pub mod journal;
pub mod lane;
pub mod message;
pub mod metrics;
pub mod mock;
pub mod policy;
pub mod problem;
pub mod reply;
pub mod report;
pub mod server;
pub mod settings;
pub mod smtp;
pub mod stage;
pub mod store;
pub mod template;
pub mod verdict;
