//! A message as it comes: behind DATA with dots, or behind BDAT by count.

use crate::reply::Reply;

use super::Limits;
use super::data::Decoder;
use super::persona::Canned;

/// The text that a DATA or BDAT brings, while it comes.
pub(super) struct Incoming {
    source: Source,
    /// Bytes of the message so far, also those of earlier chunks.
    size: u64,
    finished: bool,
    /// Why it is thrown away, whatever it says.
    refusal: Option<Refusal>,
}

/// Why a text is read only to be thrown away.
pub(super) enum Refusal {
    /// The command before it was out of order.
    Error(Canned),
    /// The policy or our own fault forbids it.
    Reply(Reply),
}

/// How the end is found.
enum Source {
    /// By CR LF . CR LF.
    Dots(Decoder),
    /// By count (RFC 3030).
    Chunk { left: u64, last: bool },
}

/// What came of a text.
pub(super) enum Outcome {
    /// A chunk came that is not the last; the message has so many bytes by now.
    Chunk(u64),
    /// The message is complete.
    Complete,
    /// It was thrown away.
    Refused {
        /// Why.
        refusal: Refusal,
        /// It was a chunk, so that more of the message may be on the way.
        chunk: bool,
    },
    /// There was so much to throw away that the session is not worth keeping.
    Overrun,
}

impl Incoming {
    /// The text behind DATA.
    pub(super) const fn data(limits: &Limits) -> Self {
        Self { source: Source::Dots(Decoder::new(limits.text_line)), size: 0, finished: false, refusal: None }
    }

    /// A chunk of `size` bytes, of a message of which `before` bytes have come.
    pub(super) const fn chunk(size: u64, last: bool, before: u64) -> Self {
        Self { source: Source::Chunk { left: size, last }, size: before, finished: size == 0, refusal: None }
    }

    /// The same, to be thrown away.
    pub(super) fn refused(self, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..self }
    }

    /// Throws away what came and what comes, for a reason other than its size.
    pub(super) fn refuse(&mut self, refusal: Refusal, out: &mut Vec<u8>) {
        self.refusal = Some(refusal);
        *out = Vec::new();
    }

    pub(super) const fn finished(&self) -> bool {
        self.finished
    }

    /// Takes in the next bytes, appends the text to `out` and tells how many were used: all, but for those behind the
    /// end.
    pub(super) fn absorb(&mut self, bytes: &[u8], limits: &Limits, out: &mut Vec<u8>) -> usize {
        if self.finished {
            return 0;
        }
        let before = out.len();
        let used = match &mut self.source {
            Source::Dots(decoder) => {
                let decoded = decoder.decode(bytes, out);
                self.finished = decoded.finished;
                decoded.used
            }
            Source::Chunk { left, .. } => {
                let used = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                out.extend_from_slice(&bytes[..used]);
                *left -= used as u64;
                self.finished = *left == 0;
                used
            }
        };
        self.size = self.size.saturating_add((out.len() - before) as u64);
        self.finished |= self.overrun(limits);
        if self.thrown_away(limits) {
            *out = Vec::new();
        }
        used
    }

    /// What came of it, once it is [`finished`](Self::finished).
    pub(super) fn outcome(self, limits: &Limits, refuse: impl Fn(Canned) -> Reply) -> Outcome {
        if self.overrun(limits) {
            return Outcome::Overrun;
        }
        let chunk = matches!(self.source, Source::Chunk { last: false, .. });
        let too_big = self.size > limits.message;
        let too_long = self.line_too_long();
        match self.refusal {
            Some(refusal) => Outcome::Refused { refusal, chunk },
            None if too_big => Outcome::Refused { refusal: Refusal::Reply(refuse(Canned::MessageTooBig)), chunk },
            None if too_long => Outcome::Refused { refusal: Refusal::Reply(refuse(Canned::LineTooLong)), chunk },
            None if chunk => Outcome::Chunk(self.size),
            None => Outcome::Complete,
        }
    }

    fn overrun(&self, limits: &Limits) -> bool {
        self.size > limits.message.saturating_mul(2)
    }

    fn thrown_away(&self, limits: &Limits) -> bool {
        self.refusal.is_some() || self.size > limits.message || self.line_too_long()
    }

    /// Whether a bare LF came. In chunks any byte may come, and nobody looks.
    pub(super) const fn bare_lf(&self) -> bool {
        matches!(&self.source, Source::Dots(decoder) if decoder.bare_lf())
    }

    const fn line_too_long(&self) -> bool {
        matches!(&self.source, Source::Dots(decoder) if decoder.line_too_long())
    }
}
