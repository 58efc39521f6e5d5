//! What mockmx takes of the machine's memory.

use std::path::Path;
use std::process::Command;

use crate::program::Serving;

const MIB: u64 = 1 << 20;

#[test]
fn idle_sessions_and_a_large_message_stay_small() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &["--log", "off"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/memory.py");
    let (process, port) = (serving.id().to_string(), serving.address("smtp").port().to_string());
    let output = Command::new("python3").arg(script).args([&process, &port, "5000", "30"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = said.lines().map(|line| line.parse().unwrap()).collect();
    let [idle, message] = numbers[..] else { panic!("{output:?}") };
    assert!(idle < 100 * MIB, "5,000 idle sessions: {} MiB", idle / MIB);
    assert!(message < 64 * MIB, "a message of 30 MiB: {} MiB more", message / MIB);
}
