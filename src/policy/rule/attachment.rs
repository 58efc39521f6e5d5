//! Attachments by extension, by what their bytes are, and by how their names deceive.
//!
//! ```toml
//! when.attachment.extensions = [".exe", ".scr"]    # or { list = "banned" }
//! when.attachment.archives = false                 # do not look into zip archives (they are looked into)
//! when.attachment.by-content = true                # also a file of another name whose bytes are of such a kind
//! when.attachment.double-extension = true          # a.pdf.exe: a document's extension before a program's
//! when.attachment.encrypted = true                 # a member of an archive that cannot be looked into
//! ```
//!
//! One of them is enough. A name is compared as Windows would open it: without trailing dots and spaces, with
//! full-width and invisible characters folded. `by-content` knows programs (`MZ`) and scripts by their magic: it finds
//! the `.exe` that was renamed to `.jpg`.

use crate::document::{Node, Table, text};
use crate::evidence::{Clue, Evidence};
use crate::message::{Attachment, fold};
use crate::policy::matcher::Choice;
use crate::policy::rule::{Reading, Test, View};
use crate::problem::Problem;
use crate::stage::Stage;

/// The condition.
#[derive(Clone, Debug)]
pub(crate) struct Attachments {
    /// With the dot, folded.
    extensions: Vec<String>,
    archives: bool,
    by_content: bool,
    double_extension: bool,
    encrypted: bool,
}

/// What Windows runs when it is opened, and so what a deceiving name hides.
const PROGRAMS: [&str; 14] =
    [".bat", ".cmd", ".com", ".cpl", ".exe", ".hta", ".js", ".jse", ".lnk", ".pif", ".ps1", ".scr", ".vbe", ".vbs"];

/// What people take for a document.
const DOCUMENTS: [&str; 17] = [
    ".csv", ".doc", ".docx", ".gif", ".htm", ".html", ".jpeg", ".jpg", ".mp3", ".mp4", ".pdf", ".png", ".ppt", ".rtf",
    ".txt", ".xls", ".xlsx",
];

/// Kinds told by magic, and the extensions that stand for each.
const CONTENTS: [(&[&str], &[&str]); 3] = [
    (&["exe", "dll", "msi", "elf", "mach"], &[".com", ".cpl", ".dll", ".exe", ".msi", ".pif", ".scr"]),
    (&["sh"], &[".sh"]),
    (&["lnk"], &[".lnk"]),
];

impl Attachments {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs("attachment", Stage::Message, &node.place);
        let mut table = Table::of(node, reading.problems);
        let values = match table.node("extensions").map(|node| Choice::read(node, reading.lists, reading.problems)) {
            Some(Some(Choice::Values(values))) => values,
            Some(Some(Choice::Regex(_))) => {
                let text = "extensions cannot be given as a regular expression";
                reading.problems.push(Problem::new(&node.place, text));
                &[]
            }
            Some(None) | None => &[],
        };
        let mut extensions = Vec::new();
        for node in values {
            let Some(extension) = text(node, reading.problems) else { continue };
            if extension.starts_with('.') && extension.len() > 1 {
                extensions.push(fold(extension));
            } else {
                reading.problems.push(Problem::new(&node.place, "an extension begins with a dot, as \".exe\""));
            }
        }
        let mut flag = |key| table.boolean(key, reading.problems);
        let condition = Self {
            archives: flag("archives").unwrap_or(true),
            by_content: flag("by-content").unwrap_or_default(),
            double_extension: flag("double-extension").unwrap_or_default(),
            encrypted: flag("encrypted").unwrap_or_default(),
            extensions,
        };
        table.finish(reading.problems);
        if condition.extensions.is_empty() && !condition.double_extension && !condition.encrypted {
            reading.problem(&node.place, "`attachment` needs `extensions`, `double-extension` or `encrypted`");
            return None;
        }
        Some(condition)
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let files = view.message().into_iter().flat_map(|message| &message.attachments);
        let mut files = files.filter(|file| self.archives || file.path.len() == 1);
        files.find_map(|file| self.offence(file)).map_or(Test::No, Test::why)
    }

    /// What is wrong with a file, if anything is.
    fn offence(&self, file: &Attachment) -> Option<Evidence> {
        let what = self.fault(file)?;
        let text = format!("attachment {:?} {what}", file.path.join(" / "));
        Some(Evidence::with(text, Clue::Attachment { path: file.path.clone() }))
    }

    fn fault(&self, file: &Attachment) -> Option<String> {
        if self.encrypted && file.encrypted {
            return Some("is encrypted".to_owned());
        }
        let own = file.path.last();
        for name in own.into_iter().chain(&file.aliases) {
            let name = as_opened(name);
            if let Some(extension) = self.extensions.iter().find(|extension| name.ends_with(extension.as_str())) {
                return Some(format!("ends in {extension}"));
            }
            if self.double_extension && is_doubled(&name) {
                return Some("has a doubled extension".to_owned());
            }
        }
        let magic = file.magic.filter(|_| self.by_content)?;
        let (_, extensions) = CONTENTS.iter().find(|(kinds, _)| kinds.contains(&magic))?;
        let banned = self.extensions.iter().any(|banned| extensions.contains(&banned.as_str()));
        banned.then(|| format!("is by its content a file of kind {magic}"))
    }
}

/// A file name as Windows opens it.
fn as_opened(name: &str) -> String {
    // What is written in C ends a name at a NUL, and quotes that are not the field's own are not the name's either.
    let name = fold(name.split('\0').next().unwrap_or_default());
    let name = name.trim_matches(|c: char| matches!(c, '\'' | '"' | '/' | '\\') || c.is_whitespace());
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // `x.scr:stream` opens x.scr; trailing dots and spaces are dropped, in any mixture.
    let name = name.split(':').next().unwrap_or_default();
    name.trim_end_matches(|c: char| c == '.' || c.is_whitespace() || c.is_control()).to_owned()
}

fn is_doubled(name: &str) -> bool {
    let Some(program) = PROGRAMS.iter().find(|extension| name.ends_with(**extension)) else {
        return false;
    };
    let rest = name[..name.len() - program.len()].trim_end();
    DOCUMENTS.iter().any(|extension| rest.ends_with(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &[&str], magic: Option<&'static str>) -> Attachment {
        Attachment { path: path.iter().map(|&name| name.to_owned()).collect(), magic, ..Attachment::default() }
    }

    fn offence(condition: &Attachments, file: &Attachment) -> Option<String> {
        condition.offence(file).map(|evidence| evidence.text)
    }

    fn banning(extension: &str) -> Attachments {
        Attachments {
            extensions: vec![extension.to_owned()],
            archives: true,
            by_content: true,
            double_extension: true,
            encrypted: true,
        }
    }

    #[test]
    fn a_name_is_compared_as_windows_opens_it() {
        for name in [
            "x.SCR",
            "x.scr.",
            "x.scr. . ",
            "x．ｓｃｒ",
            "x.s\u{200b}cr",
            "dir\\x.scr",
            "x.scr:zone",
            "照片.scr\0",
            "x.scr\0.txt",
            "'x.scr'",
            "x.scr/",
        ] {
            assert!(offence(&banning(".scr"), &file(&[name], None)).is_some(), "{name:?}");
        }
        for name in ["x.scrap", "xscr", "scr", "x.scr.txt", ""] {
            assert_eq!(offence(&banning(".scr"), &file(&[name], None)), None, "{name:?}");
        }
    }

    #[test]
    fn a_doubled_extension_hides_a_program() {
        let condition = banning(".none");
        let found = offence(&condition, &file(&["invoice.pdf.exe"], None));
        assert_eq!(found.as_deref(), Some("attachment \"invoice.pdf.exe\" has a doubled extension"));
        assert!(offence(&condition, &file(&["照片.jpg      .scr"], None)).is_some());
        assert_eq!(offence(&condition, &file(&["setup.1.2.exe"], None)), None);
        assert_eq!(offence(&condition, &file(&["archive.tar.gz"], None)), None);
    }

    #[test]
    fn a_lying_name_is_told_by_content() {
        let found = offence(&banning(".exe"), &file(&["holiday.jpg"], Some("exe")));
        assert_eq!(found.as_deref(), Some("attachment \"holiday.jpg\" is by its content a file of kind exe"));
        assert_eq!(offence(&banning(".exe"), &file(&["holiday.jpg"], Some("jpg"))), None);
        assert_eq!(offence(&banning(".js"), &file(&["holiday.jpg"], Some("exe"))), None);
    }

    #[test]
    fn every_name_of_a_file_counts() {
        let harmless = file(&["a.zip", "x.txt"], None);
        let file = Attachment { aliases: vec!["x.scr".to_owned()], ..harmless };
        assert!(offence(&banning(".scr"), &file).is_some());
    }

    #[test]
    fn an_encrypted_member_can_be_banned() {
        let file = Attachment { encrypted: true, ..file(&["a.zip", "x.txt"], None) };
        let found = offence(&banning(".scr"), &file);
        assert_eq!(found.as_deref(), Some("attachment \"a.zip / x.txt\" is encrypted"));
    }
}
