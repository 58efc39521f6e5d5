//! Everything that is tested from outside, through the built program, in one binary so that it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod abuse;
mod api;
mod bounces;
mod browser;
mod cli;
mod clients;
mod dns;
mod docs;
mod documents;
mod explain;
mod journal;
mod made;
mod memory;
mod mock;
mod network;
mod notifications;
mod odd;
mod packs;
mod page;
mod postfix;
mod postgres;
mod program;
mod record;
mod relay;
mod report;
mod reproduce;
mod resend;
mod scenarios;
mod serve;
mod trial;
mod twenty;
