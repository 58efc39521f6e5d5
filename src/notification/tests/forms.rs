use std::path::{Path, PathBuf};

use super::*;
use crate::problem::Place;

/// That folder of packs, as settings name it.
fn folders(folder: &Path) -> [(PathBuf, Place); 1] {
    [(folder.to_owned(), Place::Default)]
}

#[test]
fn a_folder_replaces_and_adds_forms() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("notifications")).unwrap();
    let own = "from = \"bounce@acme.example\"\nname = \"ACME\"\nabuse = \"abuse@{host}\"\nlanguage = \"en\"\n\
        returns = \"nothing\"\n[failed]\nsubject = \"no: {subject}\"\ntext.en = \"<{recipient}>: {diagnostic}\"\n";
    std::fs::write(folder.path().join("notifications/acme.toml"), own).unwrap();
    let forms = Forms::load(&folders(folder.path())).unwrap();
    let acme = forms.of("acme").unwrap();
    assert_eq!(
        (acme.returns, acme.languages.as_slice(), acme.return_most),
        (Returns::Nothing, &[Language::En][..], 50_000)
    );
    assert_eq!(acme.words.len(), Kind::NAMES.len());
    assert_eq!(forms.of("other"), forms.of("neutral"));
    let (message, kind) = (message(&["a@acme.example"]), failed());
    let written = write(&event(&message, b"Subject: x\r\n\r\nbody", &kind), acme).unwrap();
    let text = String::from_utf8(written.raw).unwrap();
    assert!(text.starts_with("From: ACME <bounce@acme.example>\r\n"), "{text}");
    assert!(text.contains("\r\n\r\n<a@acme.example>: 550 User Unknown\r\n"), "{text}");
    assert!(!text.contains("body"), "{text}");
}

#[test]
fn all_problems_of_a_form_are_found_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("notifications")).unwrap();
    let text = "from = \"postmaster@{recipient}\"\nnam = \"x\"\nabuse = \"nobody\"\ncharset = \"KOI8-R\"\n\
        language = [\"zh\", \"fr\"]\nreturns = true\nreturn-most = \"much\"\n\n[failed]\nsubject = \"a\\nb\"\n\
        text.en = \"{recipient\"\n\n[delayed]\nsubject = \"{helo}\"\ntext.zh = \"x\"\n";
    std::fs::write(folder.path().join("notifications/bad.toml"), text).unwrap();
    let problems = Forms::load(&folders(folder.path())).unwrap_err();
    let alone = Forms::check("bad.toml", text).unwrap_err();
    assert_eq!(alone.0.len(), problems.0.len());
    let drawn: Vec<_> = problems.0.iter().map(|problem| problem.render(false)).collect();
    let drawn = drawn.join("\n").replace(&folder.path().display().to_string(), "policies");
    insta::assert_snapshot!(drawn);
}

#[test]
fn every_provider_with_a_pack_has_a_form() {
    let forms = forms();
    let written: Vec<_> = forms.iter().map(|(provider, _)| format!("{provider}.toml")).collect();
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let names = std::fs::read_dir(packs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut packs: Vec<_> = names.filter(|name| name.ends_with(".toml")).collect();
    packs.sort();
    assert_eq!(written, packs);
    for (provider, form) in forms.iter() {
        assert!(form.note.is_some(), "{provider}");
    }
}
