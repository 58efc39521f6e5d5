//! The dialogue with servers that do as a script says, over pipes in memory whose time is tokio's and paused; the
//! driver over an outbox in memory whose clock is moved.

mod content;
mod dialogue;
mod driver;
mod hops;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split};

use super::client::{Envelope, Halt, deliver};
use super::content::Outgoing;
use super::*;
use crate::clock::io_now;

const RAW: &[u8] = b"Auto-Submitted: auto-replied\r\nSubject: x\r\n\r\nhello\r\n";

/// What a server does once it has read a line.
#[derive(Clone, Copy, Debug)]
enum Then {
    Say(&'static [u8]),
    /// The same again and again.
    Repeat(&'static [u8]),
    /// The same once a minute.
    Drip(&'static [u8]),
    Close,
    /// It reads no more and says nothing.
    Hang,
}

/// Reads up to a line that begins so, does that, and goes on with the next step. At the end it closes. What it has read
/// is returned.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(stream: S, steps: &[(&str, Then)]) -> Vec<u8> {
    let (reader, mut writer) = split(stream);
    let mut reader = BufReader::new(reader);
    let mut read = Vec::new();
    for &(line, then) in steps {
        while !line.is_empty() {
            let start = read.len();
            if reader.read_until(b'\n', &mut read).await.unwrap() == 0 {
                return read;
            }
            if read[start..].starts_with(line.as_bytes()) {
                break;
            }
        }
        match then {
            Then::Say(bytes) => drop(writer.write_all(bytes).await),
            Then::Repeat(bytes) => while writer.write_all(bytes).await.is_ok() {},
            Then::Drip(bytes) => {
                while writer.write_all(bytes).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            }
            Then::Close => return read,
            Then::Hang => std::future::pending().await,
        }
    }
    read
}

/// What came of one message, what the server read, and how long it took.
async fn tried(raw: &[u8], smtputf8: bool, steps: &[(&str, Then)]) -> (Result<Reply, Halt>, String, Duration) {
    let (ours, theirs) = tokio::io::duplex(64);
    let envelope = Envelope::new("", "a@example.com", smtputf8).unwrap();
    let outgoing = Outgoing::new(raw).unwrap();
    let (begin, local) = (io_now(), IpAddr::from(Ipv4Addr::LOCALHOST));
    let client = async {
        let ended = deliver(ours, local, &envelope, &outgoing, &mut Vec::new()).await;
        (ended, begin.elapsed())
    };
    // A server that hangs is waited for no longer than the client does.
    tokio::pin!(client);
    let mut read = String::new();
    let (ended, elapsed) = tokio::select! {
        biased;
        ended = &mut client => ended,
        bytes = play(theirs, steps) => {
            read = String::from_utf8_lossy(&bytes).into_owned();
            client.await
        }
    };
    (ended, read, elapsed)
}
