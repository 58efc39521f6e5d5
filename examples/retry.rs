//! Does a sender try again after a temporary refusal, and deliver once?
//!
//! `cargo run --example retry`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example says what it does")]

mod client;

use mockmx::mock::{MockMx, message, when};

#[tokio::main]
async fn main() {
    let mx = MockMx::start().await;
    mx.stub(when().recipient("a@example.com").reply("450 4.2.0 try later").accept().expect(2));
    mx.expect(message().to("a@example.com"), 1);

    for attempt in 1..=3 {
        let reply = client::send(mx.smtp(), "me@example.org", "a@example.com", "Hello").await;
        println!("attempt {attempt}: {reply}");
        if reply.starts_with('2') {
            break;
        }
    }

    let received = mx.wait_for_message(message().to("a@example.com")).await;
    println!("delivered: {}", received.record.subject);
    // What was expected is verified when `mx` is dropped.
}
