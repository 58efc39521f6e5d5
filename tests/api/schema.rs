//! Every answer is one that the OpenAPI document knows, whatever is asked.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{Asked, smtp};
use crate::program::Watchdog;

/// How long all the requests may take: half a minute alone, more on a machine that does something else.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// It matches the examples of most parameters.
const SESSION: &[u8] = b"EHLO x.test\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<user@263.net>\r\n\
    RCPT TO:<user-unknown@263.mockmx.test>\r\nDATA\r\n\
    Subject: invoice\r\nX-Test: 1\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n.\r\nQUIT\r\n";

#[test]
fn the_document_describes_every_operation_once() {
    let asked = Asked::start(&[]);
    let document = asked.json("openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let operations: Vec<_> = paths.values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let mut ids: Vec<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(operations.iter().all(|operation| operation["summary"].is_string()));
}

#[test]
fn schemathesis_finds_no_fault_and_nothing_undocumented() {
    let mut asked = Asked::start(&["--http-token", "t0ken"]);
    asked.serving.watch_for(LONGEST);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/venv/bin/schemathesis");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder.path());
    command.args(["run", &format!("http://{}/api/v1/openapi.json", asked.http())]);
    command.args(["--header", "Authorization: Bearer t0ken", "--no-color", "--generation-deterministic"]);
    command.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]);
    // It would wait for the end of the events, which do not end.
    command.args(["--exclude-path", "/api/v1/events", "--max-examples", "20"]);
    let address = asked.serving.address("smtp");
    let stub = br#"{"stage": "message", "bounce": "550 5.1.1 invoice"}"#;
    let stubs = asked.request("POST", "stubs").header("Content-Type", "application/json").body(stub);
    stubs.header("Authorization", "Bearer t0ken").send().expect(201);
    let (done, ended) = mpsc::channel::<()>();
    // Deletions are asked for too, so that there has to be something new to look at.
    let delivering = std::thread::spawn(move || {
        while ended.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            smtp(address, SESSION);
        }
    });
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = child.and_then(|child| {
        let _watchdog = Watchdog::for_so_long(&child, "KILL", LONGEST);
        child.wait_with_output()
    });
    drop(done);
    delivering.join().unwrap();
    let output = output.expect("tests/clients/install installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Tested: 39") && said.contains("passed"), "{said}");
}
