//! Where keywords stand in a text: all of them, in one pass.
//!
//! Ten thousand keywords make an automaton that no cache holds, and every byte of the text costs a step in it. Nearly
//! every keyword has six bytes or more (two ideographs, or six letters), and nearly no place in a text begins with six
//! bytes that a keyword begins with. So the six bytes at each character are looked up in a set of bits that fits a first
//! cache, and only what is in it is compared with the keywords. Shorter keywords, and those of which too many begin
//! alike, go to an automaton as before. docs/performance.md has what was measured.

use std::ops::ControlFlow;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

/// Bytes of a keyword that are looked up.
const BLOCK: usize = 6;

/// Those bytes of a word read at a place.
const MASK: u64 = (1 << (8 * BLOCK)) - 1;

/// Keywords that may begin alike; each of them is compared where one might begin.
const MOST_ALIKE: usize = 16;

/// Spreads the bits of a block over its upper ones.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A searcher for keywords, which go by their place in the list that it was built of.
#[derive(Clone, Debug)]
pub(super) struct Searcher {
    /// A bit for each hash of a block that a keyword begins with.
    bits: Vec<u64>,
    /// How far a hash is shifted to number a bit.
    shift: u32,
    /// By hash, the blocks that keywords begin with, and where their keywords are.
    blocks: Vec<Slot>,
    /// The keywords that are looked up, those that begin alike side by side.
    long: Vec<(Box<[u8]>, usize)>,
    /// The others, and which keywords they are.
    rest: Option<(AhoCorasick, Vec<usize>)>,
}

/// A block and its keywords; none if `end` is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    block: u64,
    start: u32,
    end: u32,
}

impl Searcher {
    /// A searcher for `keywords`, none of which is empty.
    ///
    /// # Errors
    /// If there are more keywords than an automaton can hold.
    pub(super) fn new<'k>(keywords: impl IntoIterator<Item = &'k str>) -> Result<Self, BuildError> {
        let (mut long, mut rest) = (Vec::new(), Vec::new());
        for (index, keyword) in keywords.into_iter().enumerate() {
            let of = if keyword.len() >= BLOCK { &mut long } else { &mut rest };
            of.push((Box::from(keyword.as_bytes()), index));
        }
        long.sort();
        let alike = |a: &(Box<[u8]>, usize), b: &(Box<[u8]>, usize)| a.0[..BLOCK] == b.0[..BLOCK];
        let (crowded, kept): (Vec<_>, Vec<_>) = long.chunk_by(alike).partition(|group| group.len() > MOST_ALIKE);
        rest.extend(crowded.concat());
        let long = kept.concat();

        // One bit in thirty is set, so that a text that has no keyword is seldom looked at twice.
        let bits = (long.len() * 32).next_power_of_two().clamp(64, 1 << 24);
        let slots = (long.len() * 2).next_power_of_two();
        let mut searcher = Self {
            bits: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
            blocks: vec![Slot::default(); slots],
            long,
            rest: automaton(rest)?,
        };
        searcher.enter_blocks();
        Ok(searcher)
    }

    fn enter_blocks(&mut self) {
        let mut start = 0;
        while let Some((first, _)) = self.long.get(start) {
            let alike = self.long[start..].iter().take_while(|(other, _)| other[..BLOCK] == first[..BLOCK]).count();
            let (block, end) = (block_of(first), start + alike);
            let hash = block.wrapping_mul(SPREAD);
            let bit = usize::try_from(hash >> self.shift).unwrap_or_default();
            self.bits[bit / 64] |= 1 << (bit % 64);
            let mut slot = self.first_slot(hash);
            while self.blocks[slot].end != 0 {
                slot = (slot + 1) % self.blocks.len();
            }
            let place = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
            self.blocks[slot] = Slot { block, start: place(start), end: place(end) };
            start = end;
        }
    }

    /// Calls `found` with each keyword and where it stands, from its first byte up to the one behind its last, until
    /// that says to stop.
    pub(super) fn search(
        &self,
        text: &str,
        mut found: impl FnMut(usize, usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !self.long.is_empty() {
            self.search_long(text.as_bytes(), &mut found)?;
        }
        if let Some((automaton, indices)) = &self.rest {
            for of in automaton.find_overlapping_iter(text) {
                if let Some(index) = indices.get(of.pattern().as_usize()) {
                    found(*index, of.start(), of.end())?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn search_long(
        &self,
        text: &[u8],
        found: &mut impl FnMut(usize, usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut at = 0;
        while let Some(Ok(word)) = text.get(at..at + 8).map(<[u8; 8]>::try_from) {
            let word = u64::from_le_bytes(word);
            self.look(word & MASK, at, text, found)?;
            // What follows depends on the branch taken and not on a byte loaded, so the processor runs ahead.
            at += if word & 0x80_80_80 == 0 {
                self.look(word >> 8 & MASK, at + 1, text, found)?;
                self.look(word >> 16 & MASK, at + 2, text, found)?;
                3
            } else if word & 0xF0 == 0xE0 {
                3
            } else if word & 0x80 == 0 {
                1
            } else if word & 0xE0 == 0xC0 {
                2
            } else {
                4
            };
        }
        while at + BLOCK <= text.len() {
            self.look(block_of(&text[at..]), at, text, found)?;
            at += 1;
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn look(
        &self,
        block: u64,
        at: usize,
        text: &[u8],
        found: &mut impl FnMut(usize, usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let hash = block.wrapping_mul(SPREAD);
        let bit = usize::try_from(hash >> self.shift).unwrap_or_default();
        if self.bits[bit / 64] >> (bit % 64) & 1 == 0 {
            ControlFlow::Continue(())
        } else {
            self.compare(block, at, text, found)
        }
    }

    #[cold]
    fn compare(
        &self,
        block: u64,
        at: usize,
        text: &[u8],
        found: &mut impl FnMut(usize, usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut slot = self.first_slot(block.wrapping_mul(SPREAD));
        while self.blocks[slot].end != 0 {
            let Slot { block: of, start, end } = self.blocks[slot];
            if of == block {
                for (keyword, index) in &self.long[start as usize..end as usize] {
                    if text[at..].starts_with(keyword) {
                        found(*index, at, at + keyword.len())?;
                    }
                }
                break;
            }
            slot = (slot + 1) % self.blocks.len();
        }
        ControlFlow::Continue(())
    }

    /// Where a block is looked for first. At most half of the slots are taken, so there is always a free one to end at.
    fn first_slot(&self, hash: u64) -> usize {
        usize::try_from(hash >> 20).unwrap_or_default() % self.blocks.len()
    }
}

/// The first bytes of a text that has so many.
fn block_of(text: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..BLOCK].copy_from_slice(&text[..BLOCK]);
    u64::from_le_bytes(word)
}

fn automaton(keywords: Vec<(Box<[u8]>, usize)>) -> Result<Option<(AhoCorasick, Vec<usize>)>, BuildError> {
    if keywords.is_empty() {
        return Ok(None);
    }
    let (keywords, indices): (Vec<_>, Vec<_>) = keywords.into_iter().unzip();
    let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(keywords)?;
    Ok(Some((automaton, indices)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(keywords: &[String], text: &str) -> Vec<(usize, usize, usize)> {
        let searcher = Searcher::new(keywords.iter().map(String::as_str)).unwrap();
        let mut all = Vec::new();
        let _ = searcher.search(text, |index, start, end| {
            all.push((index, start, end));
            ControlFlow::Continue(())
        });
        all.sort_unstable();
        all
    }

    fn naive(keywords: &[String], text: &str) -> Vec<(usize, usize, usize)> {
        let mut all = Vec::new();
        for (index, keyword) in keywords.iter().enumerate() {
            let starts = text.char_indices().map(|(start, _)| start);
            let at = starts.filter(|start| text[*start..].starts_with(keyword.as_str()));
            all.extend(at.map(|start| (index, start, start + keyword.len())));
        }
        all
    }

    #[test]
    fn every_keyword_is_found_wherever_it_stands() {
        let keywords = ["代开发票", "开发", "发票", "viagra", "via", "agra for", "票", "a", "🙂🙂", "éé é"];
        let keywords = keywords.map(str::to_owned);
        for text in [
            "",
            "a",
            "票",
            "代开发票",
            "x代开发票",
            "xx代开发票y",
            "buy viagra for 代开发票代开发票",
            "🙂🙂🙂🙂",
            "aéé éé é",
            "viagr",
            "viagra",
            "aviagra",
            "aaviagra",
            "代开发",
            "éviagra é代开发票",
        ] {
            assert_eq!(found(&keywords, text), naive(&keywords, text), "{text}");
        }
    }

    #[test]
    fn keywords_that_begin_alike_are_all_found() {
        let keywords: Vec<_> = (0..100).map(|number| format!("http://example.com/{number}")).collect();
        let text = "see http://example.com/42 and http://example.com/7";
        assert_eq!(found(&keywords, text), naive(&keywords, text));
        assert_eq!(found(&keywords, text).len(), 3, "4, 42 and 7");
    }

    #[test]
    fn a_search_stops_where_it_is_told_to() {
        let searcher = Searcher::new(["keyword"]).unwrap();
        let mut count = 0;
        let stopped = searcher.search("keyword keyword keyword", |_, _, _| {
            count += 1;
            ControlFlow::Break(())
        });
        assert!(stopped.is_break() && count == 1);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_naive_search_finds(
            keywords in proptest::collection::vec("[ab发é]{1,9}", 1..40),
            text in "[ab发é]{0,60}",
        ) {
            prop_assert_eq!(found(&keywords, &text), naive(&keywords, &text));
        }
    }
}
