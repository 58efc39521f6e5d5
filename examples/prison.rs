//! Twenty minutes in 263's prison, in no time.
//!
//! `cargo run --example prison`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example says what it does")]

mod client;

use std::time::Duration;

use mockmx::mock::{MockMx, verdict};

#[tokio::main]
async fn main() {
    // Two messages a minute are too many here, so that two will do.
    let settings = "providers.263.rules.too-frequent.when.rate.messages = 1";
    let mx = MockMx::start().provider("263").settings(settings).await;
    mx.expect(verdict().rule("263/sender-in-prison"), 1..);

    let send = || client::send(mx.smtp(), "me@example.org", "a@263.net", "Hello");
    println!("first:                {}", send().await);
    println!("too soon:             {}", send().await);
    println!("in prison:            {}", send().await);
    mx.clock().advance(Duration::from_secs(20 * 60));
    println!("twenty minutes later: {}", send().await);
}
