//! The HTTP API of the running program.

mod content;
mod control;
pub(crate) mod events;
mod guard;
pub(crate) mod http;
mod outbox;
mod packs;
mod records;
mod relayed;
mod reproduce;
mod schema;
pub(crate) mod testing;
mod waiting;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use self::http::{Answer, Request};
use crate::program::Serving;

/// A mockmx that is asked.
pub(crate) struct Asked {
    pub(crate) serving: Serving,
    folder: tempfile::TempDir,
}

impl Asked {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_set("", arguments)
    }

    /// Starts one with a settings file.
    pub(crate) fn start_set(settings: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
        Self { serving: Serving::start(folder.path(), arguments), folder }
    }

    /// Ends it, and starts it again in the same place with other settings.
    fn again(self, settings: &str, arguments: &[&str]) -> Self {
        let Self { serving, folder } = self;
        serving.signal("TERM");
        assert_eq!(serving.end().1, Some(0));
        std::fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
        Self { serving: Serving::start(folder.path(), arguments), folder }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.serving.address("http")
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.http(), method, &format!("/api/v1/{path}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// What is answered with 200.
    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        self.json(path)["items"].as_array().unwrap().clone()
    }

    pub(crate) fn post_json(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path).header("Content-Type", "application/json").body(body.as_bytes()).send()
    }

    /// A message from `from` to `to`; says how the session went.
    pub(crate) fn deliver(&self, from: &str, to: &str, text: &[u8]) -> String {
        let script = format!("EHLO client.test\r\nMAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        self.smtp(&[script.as_bytes(), text, b"\r\n.\r\nQUIT\r\n"].concat())
    }

    /// Says all of it at once, and returns all that is answered.
    pub(crate) fn smtp(&self, script: &[u8]) -> String {
        smtp(self.serving.address("smtp"), script)
    }
}

fn smtp(address: SocketAddr, script: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(http::PATIENCE)).unwrap();
    stream.write_all(script).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A rule may do that.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        read => drop(read.unwrap()),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}
