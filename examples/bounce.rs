//! What does 263 say to a sender that claims a domain which is hosted there, and why?
//!
//! `cargo run --example bounce`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example says what it does")]

mod client;

use mockmx::mock::{MockMx, verdict};

#[tokio::main]
async fn main() {
    let mx = MockMx::start().provider("263").settings("hosted = [\"example.com\"]").await;
    mx.expect(verdict().rule("263/same-domain-auth"), 1);

    let reply = client::send(mx.smtp(), "admin@example.com", "admin@example.com", "Hello").await;
    println!("{reply}");

    let refused = mx.wait_for(verdict().rule("263/same-domain-auth")).await;
    println!("by {}:{}, at stage {}: {}", refused.file, refused.line, refused.stage, refused.evidence.join(", "));
    for line in &mx.sessions().await[0].transcript.lines {
        println!("  {:?}: {}", line.by, line.text);
    }
}
