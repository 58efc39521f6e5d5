//! A pack of somebody else's, written by policies/README.md alone.

use std::path::Path;

use crate::program::{Serving, mockmx, said};
use crate::serve::Client;

/// The whole pack that policies/README.md begins with.
fn example() -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/README.md")).unwrap();
    let (_, rest) = readme.split_once("A whole pack:\n\n```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_readme_s_pack_works() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("packs")).unwrap();
    std::fs::write(folder.path().join("packs/acme.toml"), example()).unwrap();
    let mockmx = Serving::start(folder.path(), &["--policies", "packs", "--provider", "acme", "--log", "off"]);
    let mut client = Client::connect(mockmx.address("smtp"));
    assert_eq!(client.reply(), "220 mx.acme.example ESMTP ACME");
    assert_eq!(client.asked("HELO a"), "250 mx.acme.example");
    client.asked("MAIL FROM:<newsletter@any.example>");
    let refusal = client.asked("RCPT TO:<b@acme.example>");
    assert_eq!(refusal, "550 5.7.1 <newsletter@any.example>: we want none of this");
}

#[test]
fn a_broken_pack_shows_all_its_problems() {
    let folder = tempfile::tempdir().unwrap();
    let broken = example().replace("\"rcpt\"", "\"recipient\"").replace("banner =", "baner =").replace("@bulk", "bulk");
    std::fs::write(folder.path().join("acme.toml"), broken).unwrap();
    let (_, errors, code) = said(&mockmx(folder.path()).args(["check", "acme.toml"]).output().unwrap());
    assert_eq!(code, Some(1));
    for drawn in
        ["--> acme.toml:6:", "mockmx has no reply `baner`", "--> acme.toml:10:", "there is no such stage", "^^^"]
    {
        assert!(errors.contains(drawn), "{drawn}: {errors}");
    }
}
