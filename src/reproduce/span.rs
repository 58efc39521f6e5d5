//! How far a reply goes that stands in a text.

use super::reply;

/// Where the reply that begins at `start` ends.
pub(super) fn end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let paragraph = rest.find("\n\n").unwrap_or(rest.len());
    let paragraph = rest[..paragraph].find("\n \n").unwrap_or(paragraph);
    let rest = &rest[..paragraph];
    let before = &text[..start];
    // sendmail's `(reason: 550 no)`.
    if before.trim_end().ends_with("(reason:")
        && let Some(end) = rest[..rest.find('\n').unwrap_or(rest.len())].rfind(')')
    {
        return start + end;
    }
    // What stands in quotes ends with them.
    if let Some(quote) = before.chars().next_back().and_then(closing)
        && let Some(end) = rest.rfind(quote)
    {
        return start + end;
    }
    // Where the sender's own server speaks again.
    let marks = ["\nGiving up on ", "[RCPT_TO]", "[MAIL_FROM]", "> #SMTP#"];
    let own = rest.match_indices("(in").map(|(at, _)| at).find(|&at| is_in_reply(&rest[at..]));
    if let Some(end) = own.or_else(|| marks.iter().find_map(|mark| rest.find(mark))) {
        return start + end;
    }
    start + own_lines(rest, indent(before))
}

fn is_in_reply(text: &str) -> bool {
    text.split_whitespace().take(3).eq(["(in", "reply", "to"])
}

fn closing(opening: char) -> Option<char> {
    Some(match opening {
        '\'' => '\'',
        '"' => '"',
        '“' => '”',
        '‘' => '’',
        '「' => '」',
        '【' => '】',
        '(' => ')',
        _ => return None,
    })
}

/// How far the lines of a reply that begins behind `before` are indented; the lines that wrapping made are further.
fn indent(before: &str) -> usize {
    let paragraph = &before[before.rfind("\n\n").map_or(0, |at| at + 2)..];
    // `<user@example.com>: host …` of Postfix, whose reply may begin on one of the further lines.
    if paragraph.starts_with('<') && paragraph.contains(">: ") {
        return 0;
    }
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    line.len() - line.trim_start().len()
}

/// The first line, those that are indented further, and those that begin with its code while it says that more follow.
fn own_lines(rest: &str, indent: usize) -> usize {
    let code = &rest[..3];
    let (mut end, mut goes_on) = (0, true);
    for line in rest.split_inclusive('\n') {
        let own = line.len() - line.trim_start().len();
        let content = line.trim_start_matches([' ', '\t', '>', '<', '|']);
        let is_next = content.starts_with(code) && reply::code(content).is_some();
        if end > 0 && !(goes_on && is_next) && own <= indent {
            break;
        }
        end += line.len();
        if end == line.len() || is_next {
            goes_on = content.get(3..4) == Some("-");
        }
    }
    end
}
