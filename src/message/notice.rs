//! The notice that replaces a message with an infected attachment among clean ones (263 W022 §4.0.16).

use std::fmt::Write as _;
use std::io::{self, Write as _};

use base64::prelude::*;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::MimePart;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::MessageFacts;

/// Infected files named in a notice.
const MOST_NAMES: usize = 20;

/// Bytes in a line of 76 characters of base64.
const LINE: usize = 57;

/// Stands in the notice, last, where the zip goes.
const ZIP: &str = "@zip@";

/// A message to `to` that says, in Chinese and English, that `original` holds a virus, and carries it zipped as
/// `original.zip`. It comes from `postmaster@host`, and `date` is its date as RFC 5322 §3.3 writes it.
///
/// The same arguments give the same bytes. What the original says of itself is quoted without control characters.
#[must_use]
pub fn virus_notice(original: &[u8], facts: &MessageFacts, to: &str, host: &str, date: &str) -> Vec<u8> {
    let (to, host, date) = (one_line(to, 320), one_line(host, 255), one_line(date, 64));
    let mark = format!("{:08x}.{:x}", rawzip::crc32(original), original.len());
    let parts = vec![
        MimePart::new("text/plain", text(facts)),
        MimePart::new("application/zip", ZIP).attachment("original.zip").transfer_encoding("base64"),
    ];
    let content_type = ContentType::new("multipart/mixed").attribute("boundary", format!("=_notice.{mark}"));
    let message = MessageBuilder::new()
        .from(Address::new_address(None::<&str>, format!("postmaster@{host}")))
        .to(Address::new_address(None::<&str>, to.as_str()))
        .subject(format!("病毒邮件提示 / Virus notice: {}", one_line(&facts.subject, 200)))
        .header("Date", Raw::new(date.as_str()))
        .header("Message-ID", Raw::new(format!("<virus.{mark}@{host}>")))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .body(MimePart::new(content_type, parts));
    // Writing to memory does not fail.
    let frame = message.write_to_vec().unwrap_or_default();
    let (head, tail) = frame.split_at(memchr::memmem::rfind(&frame, ZIP.as_bytes()).unwrap_or(frame.len()));
    let mut notice = Vec::with_capacity(frame.len() + original.len() / 100 * 140 + 1_024);
    notice.extend_from_slice(head);
    let mut lines = Lines { line: Vec::with_capacity(LINE), out: notice };
    let _ = zip(original, &mut lines);
    lines.end_line();
    lines.out.extend_from_slice(tail.strip_prefix(ZIP.as_bytes()).unwrap_or(tail));
    lines.out
}

fn text(facts: &MessageFacts) -> String {
    let from = facts.headers.iter().find(|header| header.name.eq_ignore_ascii_case("from"));
    let from = one_line(from.map(|header| header.value.as_str()).unwrap_or_default(), 200);
    let subject = one_line(&facts.subject, 200);
    let mut names = String::new();
    for file in facts.attachments.iter().filter(|file| file.infected).take(MOST_NAMES) {
        // Writing to a string does not fail.
        let _ = writeln!(names, "  {}", one_line(&file.path.join(" / "), 200));
    }
    format!(
        "该邮件是病毒邮件。系统在其附件中发现病毒，已将邮件原件压缩为附件 original.zip，请勿打开其中的可疑文件。\n\
         This message holds a virus. It was found in an attachment; the original message is attached as\n\
         original.zip. Do not open suspicious files in it.\n\n\
         发件人 / From: {from}\n主题 / Subject: {subject}\n带毒附件 / Infected:\n{names}"
    )
}

/// Writes a zip with the message as `original.eml`.
fn zip(original: &[u8], out: &mut Lines) -> io::Result<()> {
    let mut archive = ZipArchiveWriter::new(out);
    let file = archive.new_file("original.eml").compression_method(CompressionMethod::DEFLATE);
    let (mut entry, config) = file.start().map_err(io::Error::other)?;
    let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
    writer.write_all(original)?;
    let (encoder, descriptor) = writer.finish().map_err(io::Error::other)?;
    encoder.finish()?;
    entry.finish(descriptor).map_err(io::Error::other)?;
    archive.finish().map_err(io::Error::other)?;
    Ok(())
}

/// Lines of base64 (RFC 2045 §6.8), so that a large zip is held once only, and encoded.
struct Lines {
    /// Bytes of the line that is not full yet.
    line: Vec<u8>,
    out: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.out.extend_from_slice(BASE64_STANDARD.encode(&self.line).as_bytes());
            self.out.extend_from_slice(b"\r\n");
            self.line.clear();
        }
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(LINE - self.line.len());
        self.line.extend_from_slice(&bytes[..taken]);
        if self.line.len() == LINE {
            self.end_line();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text that stays on its line: without control and direction characters, and not longer than `most` characters.
fn one_line(text: &str, most: usize) -> String {
    let shown = |c: &char| {
        !c.is_control() && !matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}'..='\u{200F}')
    };
    text.chars().filter(shown).take(most).collect()
}
