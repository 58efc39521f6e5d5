//! Whatever a server says, the pack of it loads and says it again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mockmx::clock::Time;
use mockmx::facts::Role;
use mockmx::generation::Generation;
use mockmx::policy::Policy;
use mockmx::problem::Place;
use mockmx::record::fuzzing::record;
use mockmx::server::fuzzing::answered;
use mockmx::settings::{Flags, Settings};

const NOW: Time = Time::from_unix_seconds(1_201_824_000);

/// What stands for what is another each time.
const VARYING: [&str; 5] = ["{time:", "{queue-id}", "{id:", "{epoch}", "{coremail"];

fuzz_target!(|server: &[u8]| {
    let recorded = record(server, NOW);
    let pack = recorded.recording.pack("recorded", "mx.example.com:25", &[]);
    if let Err(problems) = Policy::check("recorded.toml", &pack) {
        panic!("{problems}\n{pack}");
    }
    if recorded.taken || VARYING.iter().any(|part| pack.contains(part)) {
        return;
    }
    let said = answered(playing(&pack), NOW, recorded.said.as_bytes()).expect("it answers");
    let (said, told) = (said.escape_ascii().to_string(), recorded.told.escape_ascii().to_string());
    assert!(said.starts_with(&told), "told  {told}\nsaid  {said}\n{pack}");
});

/// The settings of a mockmx that plays the pack back, with AUTH as a server may offer it.
fn playing(pack: &str) -> Generation {
    let folder = std::env::temp_dir().join(format!("mockmx-fuzz-{}", std::process::id()));
    let file = folder.join("recorded.toml");
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, pack)).expect("it is written");
    let mut settings = Settings::load(&Flags::default(), [], Path::new("")).expect("nothing is wrong with nothing");
    settings.policies = vec![(file, Place::Default)];
    settings.listeners[0].provider = Some("recorded".to_owned());
    settings.listeners[0].role = Role::Submission;
    Generation::load(settings).expect("it loads")
}
