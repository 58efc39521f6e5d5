//! A session with a server that says anything, for the fuzz target.

use std::net::Ipv4Addr;

use super::Recording;
use super::dialogue::{Dialogue, Event, Gone};
use super::replies::{Replies, class};
use crate::clock::Time;

/// A session that was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was recorded.
    pub recording: Recording,
    /// What the client said.
    pub said: String,
    /// What it was told.
    pub told: Vec<u8>,
    /// An unknown command was taken, which no pack says.
    pub taken: bool,
}

/// What a client says, and the class of the reply with which it goes on.
const COMMANDS: [(&str, u8); 9] = [
    ("", b'2'),
    ("EHLO client.example\r\n", b'2'),
    ("XYZZY\r\n", b'5'),
    ("MAIL FROM:<a@example.org>\r\n", b'2'),
    ("RCPT TO:<b@example.com>\r\n", b'2'),
    ("NOOP\r\n", b'2'),
    ("DATA\r\n", b'3'),
    ("Subject: x\r\n\r\nx\r\n.\r\n", b'2'),
    ("QUIT\r\n", 0),
];

/// Records one session with a server that says these bytes, as much of them to each command as is a reply, and then closes
/// the connection.
#[must_use]
pub fn record(server: &[u8], now: Time) -> Recorded {
    let mut recorded = Recorded::default();
    let mut dialogue = Dialogue::new(recorded.recording.session(), Ipv4Addr::LOCALHOST.into());
    let mut replies = Replies::default();
    replies.push(server);
    let mut place = None;
    for (line, wanted) in COMMANDS {
        dialogue.client(line.as_bytes());
        recorded.said.push_str(line);
        let reply = replies.next().ok().flatten();
        match &reply {
            // It was cut by the same bounds.
            Some(reply) => assert!(dialogue.server(reply, now).is_ok(), "a reply has no end"),
            None => dialogue.gone(Gone::Closed, now),
        }
        recorded.told.append(&mut dialogue.to_client);
        for event in dialogue.events.drain(..) {
            match event {
                Event::Heard(exchange) => place = recorded.recording.add(exchange),
                Event::Confidential(_) => recorded.recording.leave_out(),
                Event::Closed => place.into_iter().for_each(|place| recorded.recording.closed(place)),
                Event::Offered(offered, withheld) => recorded.recording.offer(offered, withheld),
            }
        }
        let class = reply.as_deref().map(class).unwrap_or_default();
        recorded.taken |= line == "XYZZY\r\n" && matches!(class, b'2' | b'3');
        if class != wanted {
            break;
        }
    }
    recorded
}
