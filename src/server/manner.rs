//! Brings replies in the manner that a verdict says: slowly, in part, wrong, or followed by the end.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep_until, timeout};

use super::Phase;
use super::connection::Connection;
use super::log::Ended;
use super::stream::Wire;
use crate::clock::io_now;
use crate::escape::Escaped;
use crate::message::guess;
use crate::smtp::Spoken;
use crate::verdict::{End, Verdict, When};

impl<S: Wire> Connection<'_, S> {
    /// Hands a verdict to the session, and brings its reply as the verdict says.
    pub(super) async fn resolve(&mut self, verdict: &Verdict) -> Result<(), Ended> {
        let manner = &verdict.manner;
        if manner.is_plain() {
            self.session.resolve(verdict);
            return Ok(());
        }
        // Replies to earlier commands are none of this rule's.
        self.flush().await?;
        self.recording.lines(self.session.take_transcript());
        self.session.resolve(verdict);
        if let Some(raw) = &manner.raw {
            // The session's own words for it are never said.
            let _ = self.session.take_transcript();
            raw.clone_into(self.session.output());
            let lines = guess(raw);
            self.recording
                .lines(lines.lines().map(|line| Spoken::Server { text: line.to_owned(), ahead: false }).collect());
        } else {
            self.recording.lines(self.session.take_transcript());
        }
        if let Some(cut) = manner.cut {
            self.session.output().truncate(cut);
            let sent = String::from_utf8_lossy(self.session.output()).into_owned();
            self.recording.note(format!("(cut after {cut} bytes: {})", Escaped(&sent)));
        }
        match manner.pace {
            Some(pace) => self.trickle(pace).await?,
            None if manner.cut.is_some() || manner.end.is_some() => self.flush().await?,
            None => {}
        }
        match manner.end {
            Some((When::Bytes(bytes), end)) => self.breaks_at = Some((bytes, end)),
            Some((When::Reply, end)) => return Err(self.end_as(end).await),
            None if manner.cut.is_some() => return Err(Ended::Dropped),
            None => {}
        }
        Ok(())
    }

    /// Ends the connection in the middle of a message, if it has come so far.
    pub(super) async fn break_in_text(&mut self, came: usize) -> Result<(), Ended> {
        let Some((left, end)) = self.breaks_at.take() else { return Ok(()) };
        let left = left.saturating_sub(came as u64);
        if left == 0 {
            self.recording.note("(ended in the middle of the message)".to_owned());
            return Err(self.end_as(end).await);
        }
        self.breaks_at = Some((left, end));
        Ok(())
    }

    async fn end_as(&mut self, end: End) -> Ended {
        match end {
            End::Drop => Ended::Dropped,
            End::Reset => Ended::Reset,
            End::Stall => self.stall().await,
        }
    }

    /// Writes so many bytes a second. Ends early if mockmx is to stop; the rest then goes out at once.
    async fn trickle(&mut self, pace: NonZeroU32) -> Result<(), Ended> {
        let output = std::mem::take(self.session.output());
        let pause = Duration::from_secs(1) / pace.get();
        let limit = self.endpoint.limits().idle;
        let mut next = io_now();
        for byte in output {
            if *self.phase.borrow() == Phase::Serving {
                tokio::select! {
                    () = sleep_until(next) => {}
                    _ = self.phase.wait_for(|phase| *phase != Phase::Serving) => {}
                }
            }
            next += pause;
            let write = async {
                self.stream.write_all(&[byte]).await?;
                self.stream.flush().await
            };
            match timeout(limit, write).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(Ended::Broken(error)),
                Err(_) => return Err(Ended::NotReading),
            }
        }
        self.replied();
        Ok(())
    }
}
