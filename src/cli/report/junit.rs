//! JUnit XML: a suite for each sender, a case for each check. What was not seen is skipped.

use std::io::{self, Write};

use mockmx::escape::Escaped;
use mockmx::report::{Conduct, Report, SenderLine, SenderReport};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

pub(super) fn write(report: &Report, out: impl Write) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let lines = || report.senders.iter().flat_map(|sender| &sender.lines);
    let [tests, failures, skipped] = counts(lines());
    let suites = xml.create_element("testsuites").with_attributes([
        ("name", "mockmx report"),
        ("tests", &tests),
        ("failures", &failures),
        ("errors", "0"),
        ("skipped", &skipped),
    ]);
    suites.write_inner_content(|xml| report.senders.iter().try_for_each(|sender| suite(sender, xml)))?;
    xml.get_mut().write_all(b"\n")
}

fn suite(sender: &SenderReport, xml: &mut Writer<impl Write>) -> io::Result<()> {
    let name = shown(&format!("{}, lane {}", sender.name(), sender.lane));
    let [tests, failures, skipped] = counts(sender.lines.iter());
    let suite = xml.create_element("testsuite").with_attributes([
        ("name", name.as_str()),
        ("tests", &tests),
        ("failures", &failures),
        ("errors", "0"),
        ("skipped", &skipped),
        ("timestamp", &sender.since.to_string()),
    ]);
    suite.write_inner_content(|xml| sender.lines.iter().try_for_each(|line| case(&name, line, xml)))?;
    Ok(())
}

fn case(suite: &str, line: &SenderLine, xml: &mut Writer<impl Write>) -> io::Result<()> {
    let text = shown(&line.text);
    let case = xml.create_element("testcase").with_attributes([("classname", suite), ("name", line.check.name())]);
    case.write_inner_content(|xml| {
        match line.conduct {
            Conduct::Good => xml.create_element("system-out").write_text_content(BytesText::new(&text))?,
            Conduct::Bad => {
                let sessions: Vec<_> = line.sessions.iter().map(ToString::to_string).collect();
                let more = format!("{}\nsessions: {}", line.rfc, sessions.join(", "));
                let failure = xml.create_element("failure");
                let failure = failure.with_attributes([("type", line.check.name()), ("message", text.as_str())]);
                failure.write_text_content(BytesText::new(&more))?
            }
            Conduct::NotSeen => {
                let more = line.provoke.as_ref().map_or_else(String::new, |provoke| format!("; to see it: {provoke}"));
                let message = format!("{text}{}", shown(&more));
                xml.create_element("skipped").with_attribute(("message", message.as_str())).write_empty()?
            }
        };
        Ok(())
    })?;
    Ok(())
}

/// Cases, failures, and what was skipped.
fn counts<'a>(lines: impl Iterator<Item = &'a SenderLine> + Clone) -> [String; 3] {
    let of = |conduct| lines.clone().filter(|line| line.conduct == conduct).count().to_string();
    [lines.clone().count().to_string(), of(Conduct::Bad), of(Conduct::NotSeen)]
}

/// XML has no place for control characters and for the last two of a plane, however they are written (XML 1.0 §2.2).
fn shown(text: &str) -> String {
    Escaped(text).to_string().replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
