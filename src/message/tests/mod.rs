//! Whole messages.

mod files;
mod hostile;
mod notice;
mod texts;

use base64::prelude::*;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use std::io::Write;

use super::*;

/// Reads a message written with line feeds, within the usual bounds.
fn read(message: &str) -> MessageFacts {
    MessageFacts::read(message.replace('\n', "\r\n").as_bytes(), &Bounds::default())
}

/// The texts of the bodies, with the numbers of their parts.
fn bodies(facts: &MessageFacts) -> Vec<(&str, &str)> {
    facts
        .readings
        .iter()
        .filter_map(|reading| match &reading.place {
            Spot::Body(number) => Some((number.as_str(), reading.text.as_str())),
            _ => None,
        })
        .collect()
}

/// The paths of the attachments, with slashes.
fn paths(facts: &MessageFacts) -> Vec<String> {
    facts.attachments.iter().map(|file| file.path.join("/")).collect()
}

/// A message with parts of the given header fields and bytes, which are sent in base64.
fn mixed(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut message = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for (fields, bytes) in parts {
        let encoded = BASE64_STANDARD.encode(bytes);
        let part = format!("--b\r\n{fields}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n");
        message.extend(part.as_bytes());
    }
    message.extend(b"--b--\r\n");
    message
}

/// A message with one attachment.
fn attached(name: &str, bytes: &[u8]) -> Vec<u8> {
    mixed(&[(&format!("Content-Disposition: attachment; filename=\"{name}\""), bytes)])
}

/// A zip of members that are deflated, or stored if their names begin with `stored`.
fn zip(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in members {
        let stored = name.starts_with(b"stored");
        let method = if stored { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
        let path = rawzip::path::EntryPath::verbatim(name.to_vec());
        let (mut entry, config) = archive.new_file(path).compression_method(method).start().unwrap();
        let descriptor = if stored {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap().1
        } else {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            writer.write_all(bytes).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}
