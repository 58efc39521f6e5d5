//! Header sections (RFC 5322 §2.2), from the bytes.

use std::ops::Range;

use super::bounds::Bounds;

/// Where a header section and its fields stand in a message.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Name and raw value of each field, in order.
    pub(super) fields: Vec<(Range<usize>, Range<usize>)>,
    /// Where the body begins.
    pub(super) body: usize,
    /// Whether there was more than the bounds allow.
    pub(super) cut: bool,
}

impl Section {
    /// Reads the header section that begins at `start`. A line that is no field ends it, as if an empty line stood
    /// before it: so do the servers that the message would meet.
    pub(super) fn read(raw: &[u8], start: usize, bounds: &Bounds) -> Self {
        let mut section = Self { body: start, ..Self::default() };
        let mut at = start;
        while at < raw.len() {
            let end = memchr::memchr(b'\n', &raw[at..]).map_or(raw.len(), |length| at + length + 1);
            let line = &raw[at..end];
            if line.trim_ascii().is_empty() {
                // By the RFC a line of blanks continues a field; to the programs that show mail it ends the header.
                section.body = end;
                return section;
            }
            if matches!(line[0], b' ' | b'\t') && at > start {
                section.cut |= end - start > bounds.header_bytes;
                if let Some((_, value)) = section.fields.last_mut().filter(|_| !section.cut) {
                    value.end = end;
                }
            } else if let Some(name) = field_name(line) {
                section.cut |= section.fields.len() == bounds.header_fields || end - start > bounds.header_bytes;
                if !section.cut {
                    section.fields.push((at..at + name, at + name_end(line)..end));
                }
            } else if !(at == start && (line.starts_with(b"From ") || line.starts_with(b">From "))) {
                section.body = at;
                return section;
            }
            at = end;
            section.body = at;
        }
        section
    }

    /// The unfolded value of the first field of that name, its bytes as they are.
    pub(super) fn value(&self, raw: &[u8], name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.fields.iter().find(|(key, _)| raw[key.clone()].eq_ignore_ascii_case(name.as_bytes()))?;
        Some(raw[value.clone()].iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect())
    }
}

/// The length of a field's name, if the line has one.
fn field_name(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    // A delimiter of a multipart may hold a colon.
    let proper = !name.is_empty() && !name.starts_with(b"--") && name.iter().all(u8::is_ascii_graphic);
    proper.then_some(name.len())
}

fn name_end(line: &[u8]) -> usize {
    memchr::memchr(b':', line).map_or(line.len(), |colon| colon + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> (Vec<(String, String)>, String) {
        let section = Section::read(raw.as_bytes(), 0, &Bounds::default());
        let fields = section.fields.iter().map(|(name, value)| (raw[name.clone()].into(), raw[value.clone()].into()));
        (fields.collect(), raw[section.body..].into())
    }

    #[test]
    fn fields_and_body() {
        let (fields, body) = read("From x\nA: 1\r\nB :2\r\n 3\r\nC:\r\n\r\nbody");
        let expected = [("A", " 1\r\n"), ("B", "2\r\n 3\r\n"), ("C", "\r\n")];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(body, "body");
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        assert_eq!(read("A: 1\nhello world\nB: 2\n").1, "hello world\nB: 2\n");
        assert_eq!(read("A: 1\n--x:y\n").1, "--x:y\n");
        assert_eq!(read("hello").1, "hello");
        assert_eq!(read("").1, "");
        assert_eq!(read("A: 1").1, "");
    }

    #[test]
    fn a_hundred_thousand_fields_are_passed_over() {
        let raw = format!("{}\r\nbody", "X: y\r\n z\r\n".repeat(100_000));
        let section = Section::read(raw.as_bytes(), 0, &Bounds::default());
        assert_eq!(section.fields.len(), Bounds::default().header_fields);
        assert!(section.cut);
        assert_eq!(&raw[section.body..], "body");
        let long = format!("X: {}\r\nY: z\r\n\r\nbody", "a".repeat(2 << 20));
        let section = Section::read(long.as_bytes(), 0, &Bounds::default());
        assert!(section.cut && section.fields.is_empty());
        assert_eq!(&long[section.body..], "body");
    }
}
