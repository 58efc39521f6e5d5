//! The page of the running program, as a browser without JavaScript gets it.

mod charts;
mod coverage;
mod providers;
mod state;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::api::http::{Answer, PATIENCE, Request};
use crate::program::Serving;

/// A mockmx that is looked at.
struct Looked {
    serving: Serving,
    _folder: tempfile::TempDir,
}

impl Looked {
    fn start() -> Self {
        Self::start_set("")
    }

    /// Starts one with a settings file.
    fn start_set(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mockmx.toml"), settings).unwrap();
        Self { serving: Serving::start(folder.path(), &[]), _folder: folder }
    }

    fn http(&self) -> SocketAddr {
        self.serving.address("http")
    }

    fn get(&self, path: &str) -> Answer {
        Request::new(self.http(), "GET", path).header("Accept", "text/html").send()
    }

    /// A page, which runs and styles nothing but what is compiled in.
    fn page(&self, path: &str) -> String {
        self.page_of(path, 200)
    }

    fn page_of(&self, path: &str, status: u16) -> String {
        let answer = self.get(path).expect(status);
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
        let text = answer.text();
        assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>"), "{path}: {text}");
        assert_eq!(text.matches("<script").count(), 2, "{path}");
        assert!(!text.contains(" style=") && !text.contains("<style"), "{path}");
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        text
    }

    /// What a form sends; from a page of ours.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(&format!("http://{}", self.http()), path, fields)
    }

    fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::new(self.http(), "POST", path).header("Accept", "text/html").header("Origin", origin);
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body.as_bytes()).send()
    }

    /// A message from `from` to `to`; says how the session went.
    fn deliver(&self, from: &str, to: &str) -> String {
        self.smtp(&format!(
            "EHLO client.test\r\nMAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"
        ))
    }

    /// Says all of it at once, and returns all that is answered.
    fn smtp(&self, script: &str) -> String {
        let mut stream = TcpStream::connect(self.serving.address("smtp")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(script.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// All that stands between `before` and `after`, each time.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap_or_default()).collect()
}
