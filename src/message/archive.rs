//! What is inside archives: zip, also in zip, and gzip.
//!
//! Every zip is opened, also one that calls itself a document (`docx`, `jar`): a program hidden in a document is in the
//! same place as one hidden in a zip, and a rule that means only real archives can look at what the outer file is
//! called. A member that cannot be read is still listed by its name.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, GzDecoder};
use rawzip::extra_fields::{ExtraFieldId, ExtraFields};
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord};

use super::reader::Reader;
use super::{Attachment, charset, magic};

/// Where members are looked for.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a [String],
    top: usize,
    depth: usize,
}

/// A member before its bytes were looked at.
struct Member<'a> {
    /// All its names, the best first.
    names: Vec<String>,
    method: CompressionMethod,
    encrypted: bool,
    /// Its bytes as they are stored, if they are there.
    data: &'a [u8],
    /// Bytes, as the archive says.
    size: u64,
}

impl Reader<'_> {
    /// Looks into an archive; says whether a member holds the test string.
    pub(super) fn archive(&mut self, bytes: &[u8], path: &[String], top: usize, depth: usize) -> bool {
        let (zip, gzip) = (magic::is_zip(bytes), magic::is_gzip(bytes));
        if !zip && !gzip {
            return false;
        }
        if depth >= self.bounds.archive_depth {
            self.unseen("archives within archives");
            return false;
        }
        let place = Place { path, top, depth };
        if zip { self.zip(bytes, place) } else { self.gzip(bytes, place) }
    }

    fn zip(&mut self, bytes: &[u8], place: Place<'_>) -> bool {
        let Ok(archive) = ZipArchive::from_slice(bytes) else { return self.sweep(bytes, place) };
        let (mut infected, mut members) = (false, 0u64);
        let mut entries = archive.entries();
        while let Ok(Some(entry)) = entries.next_entry() {
            members += 1;
            if entry.is_dir() {
                continue;
            }
            let mut names = names_of(&entry);
            let local = archive.get_entry(entry.wayfinder()).ok();
            if let Some(local) = &local {
                // The two places where a zip names a member can differ, and programs differ in which they believe.
                push_new(&mut names, name(local.local_header().file_path().as_bytes()));
            }
            if self.is_full() {
                return infected;
            }
            infected |= self.member(
                Member {
                    names,
                    method: entry.compression_method(),
                    encrypted: entry.flags().is_encrypted(),
                    data: local.map_or(&[], |local| local.data()),
                    size: entry.uncompressed_size_hint(),
                },
                place,
            );
        }
        if members == 0 && archive.entries_hint() > 0 { self.sweep(bytes, place) } else { infected }
    }

    /// Reads the local headers of a zip whose directory is missing or broken, as programs that repair zips do.
    fn sweep(&mut self, bytes: &[u8], place: Place<'_>) -> bool {
        let (mut infected, mut at) = (false, 0);
        while let Some(found) = memchr::memmem::find(&bytes[at..], b"PK\x03\x04") {
            let header = &bytes[at + found..];
            let number = |at: usize| header.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]));
            let size = |at: usize| u64::from(number(at)) | u64::from(number(at + 2)) << 16;
            let name_end = 30 + usize::from(number(26));
            let Some(raw_name) = header.get(30..name_end) else { break };
            let data = header.get(name_end + usize::from(number(28))..).unwrap_or_default();
            let stored = usize::try_from(size(18)).ok().filter(|stored| *stored > 0 && *stored <= data.len());
            let method = CompressionMethod::new(number(8));
            // A deflated member ends by itself; a stored one of unknown length would run on to the end of the archive.
            let data = match stored {
                Some(stored) => &data[..stored],
                None if method == CompressionMethod::DEFLATE => data,
                None => &[],
            };
            at += found + name_end.max(stored.map_or(0, |stored| name_end + usize::from(number(28)) + stored));
            if raw_name.is_empty() || raw_name.ends_with(b"/") {
                continue;
            }
            if self.is_full() {
                return infected;
            }
            let encrypted = number(6) & 1 != 0;
            infected |=
                self.member(Member { names: vec![name(raw_name)], method, encrypted, data, size: size(22) }, place);
        }
        infected
    }

    fn gzip(&mut self, bytes: &[u8], place: Place<'_>) -> bool {
        let mut decoder = GzDecoder::new(bytes);
        let inner = decoder.header().and_then(|header| header.filename()).map(name);
        let outer = place.path.last().map(String::as_str).unwrap_or_default();
        let stripped = outer.strip_suffix(".gz").unwrap_or_default();
        let name = inner.filter(|name| !name.is_empty()).unwrap_or_else(|| stripped.to_owned());
        let contents = self.inflate(&mut decoder, bytes.len(), 0);
        let infected = self.inspect(&contents, place.file(vec![name], false, 0), place.depth + 1);
        self.held += contents.capacity();
        infected
    }

    fn member(&mut self, member: Member<'_>, place: Place<'_>) -> bool {
        let file = place.file(member.names, member.encrypted, member.size);
        // Members may overlap, so that what is read can be more than there is, and may inflate to nothing.
        let data = &member.data[..member.data.len().min(self.inflated)];
        if data.len() < member.data.len() {
            self.unseen("members of archives");
        }
        match member.method {
            CompressionMethod::STORE if !member.encrypted => {
                self.inflated -= data.len();
                self.inspect(data, file, place.depth + 1)
            }
            CompressionMethod::DEFLATE if !member.encrypted => {
                let hint = usize::try_from(member.size).unwrap_or(usize::MAX);
                let mut decoder = DeflateDecoder::new(data);
                let contents = self.inflate(&mut decoder, data.len(), hint);
                self.inflated = self.inflated.saturating_sub(usize::try_from(decoder.total_in()).unwrap_or(usize::MAX));
                let infected = self.inspect(&contents, file, place.depth + 1);
                self.held += contents.capacity();
                infected
            }
            _ => {
                self.attach(file, 0);
                false
            }
        }
    }

    /// Inflates as far as the bounds and the data allow. The capacity of what is returned is counted as held.
    fn inflate(&mut self, from: &mut impl Read, compressed: usize, hint: usize) -> Vec<u8> {
        let grown = compressed.saturating_mul(self.bounds.ratio).saturating_add(1_024);
        let limit = self.bounds.inflated_member.min(self.inflated).min(self.held).min(grown);
        let mut out = Vec::new();
        let mut block = [0; 16_384];
        loop {
            match from.read(&mut block) {
                Ok(0) => break,
                Ok(length) => {
                    let taken = length.min(limit - out.len());
                    if out.capacity() - out.len() < taken {
                        // Growth by doubling could hold twice what the bounds allow.
                        let more = if out.len() < hint { hint - out.len() } else { out.len() };
                        out.reserve_exact(more.clamp(taken, 1 << 20).min(limit - out.len()));
                    }
                    out.extend_from_slice(&block[..taken]);
                    if taken < length {
                        self.unseen("members of archives");
                        break;
                    }
                }
                // What came before the damage was read all the same.
                Err(_) => break,
            }
        }
        self.inflated -= out.len();
        self.held = self.held.saturating_sub(out.capacity());
        out
    }

    fn is_full(&mut self) -> bool {
        let full = self.facts.attachments.len() >= self.bounds.attachments;
        if full {
            self.unseen("attachments");
        }
        full
    }
}

impl Place<'_> {
    fn file(self, names: Vec<String>, encrypted: bool, size: u64) -> Attachment {
        let mut names = names.into_iter();
        let mut path = self.path.to_vec();
        path.push(names.next().unwrap_or_default());
        Attachment { path, aliases: names.collect(), top: self.top, size, encrypted, ..Attachment::default() }
    }
}

/// A name in a zip: UTF-8 if it can be, else GBK, as Chinese Windows writes it.
fn name(raw: &[u8]) -> String {
    charset::guess(raw).into_owned()
}

fn names_of(entry: &ZipFileHeaderRecord<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(path) = unicode_path(entry.extra_fields()) {
        names.push(path);
    }
    push_new(&mut names, name(entry.file_path().as_bytes()));
    names
}

/// The name in Info-ZIP's extra field 0x7075, behind its version and its checksum.
fn unicode_path(fields: ExtraFields<'_>) -> Option<String> {
    let (_, field) = fields.into_iter().find(|(id, _)| *id == ExtraFieldId::INFO_ZIP_UNICODE_PATH)?;
    String::from_utf8(field.get(5..)?.to_vec()).ok()
}

fn push_new(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}
