//! A client for a running mockmx's HTTP, in a few lines, so that no other program is needed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

/// How long connecting, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) target: Target<'a>,
    /// With its query.
    pub(super) path: &'a str,
    /// What mockmx was set to ask for.
    pub(super) token: Option<&'a str>,
    /// Bytes of the answer that are read; the rest is cut off.
    pub(super) most: u64,
    /// How long each read may take, where that is not the usual time.
    pub(super) patience: Option<Duration>,
}

/// Where to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) address: SocketAddr,
    /// As the URL has it, with the port.
    pub(super) host: &'a str,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The token that a flag gives, or else the environment; an empty one is none.
pub(super) fn token(given: Option<&str>) -> Option<String> {
    let token = given.map(str::to_owned).or_else(|| std::env::var("MOCKMX_HTTP_TOKEN").ok());
    token.filter(|token| !token.is_empty())
}

/// Where a URL points, and its path, or `path` if it has none.
pub(super) fn target<'a>(url: &'a str, path: &'a str) -> anyhow::Result<(Target<'a>, &'a str)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some((scheme, _)) => bail!("cannot speak {scheme}: only http is served"),
        None => url,
    };
    let (host, path) = rest.find('/').map_or((rest, path), |slash| rest.split_at(slash));
    if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        bail!("`{}` is no path", path.escape_debug());
    }
    // mockmx listens on IPv4 unless it is told otherwise.
    let local = host.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let resolved = local.as_deref().unwrap_or(host).to_socket_addrs();
    let address = resolved.ok().and_then(|mut addresses| addresses.next());
    let address = address.with_context(|| format!("`{}` is no address with a port", host.escape_debug()))?;
    Ok((Target { address, host }, path))
}

/// Asks, and reads the answer.
pub(super) fn get(request: Request<'_>) -> anyhow::Result<Answer> {
    ask(request, None)
}

/// Sends JSON, and reads the answer.
pub(super) fn post(request: Request<'_>, json: &[u8]) -> anyhow::Result<Answer> {
    ask(request, Some(json))
}

fn ask(request: Request<'_>, json: Option<&[u8]>) -> anyhow::Result<Answer> {
    let Request { target: Target { address, host }, path, token, most, patience } = request;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(patience.unwrap_or(PATIENCE)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let login = match token {
        Some(token) if token.contains(|c: char| !c.is_ascii_graphic()) => bail!("the token has a space or no ASCII"),
        Some(token) => format!("Authorization: Bearer {token}\r\n"),
        None => String::new(),
    };
    // By HTTP/1.0 no answer comes in chunks.
    let (method, content) = match json {
        None => ("GET", String::new()),
        Some(json) => ("POST", format!("Content-Type: application/json\r\nContent-Length: {}\r\n", json.len())),
    };
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n{login}{content}Connection: close\r\n\r\n");
    // Who is gone is heard of when the answer is read. A broken pipe of our own would be taken for that of the output,
    // which is no failure.
    let _ = stream.write_all(&[request.as_bytes(), json.unwrap_or_default()].concat());
    let mut answer = Vec::new();
    stream.take(most).read_to_end(&mut answer)?;
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let status = status.context("the answer is not HTTP")?;
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    Ok(Answer { status, body: answer.split_off(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_leave_out_all_but_the_address() {
        for (url, address, path) in [
            ("http://127.0.0.1:8025/readyz", "127.0.0.1:8025", "/readyz"),
            ("http://[::1]:80", "[::1]:80", "/readyz"),
            ("localhost:1/", "127.0.0.1:1", "/"),
            ("10.0.0.1:1/healthz?x", "10.0.0.1:1", "/healthz?x"),
        ] {
            let (found, found_path) = target(url, "/readyz").unwrap();
            assert_eq!((found.address.to_string().as_str(), found_path), (address, path), "{url}");
        }
        for url in ["", "https://127.0.0.1:1", "http://example.com/", "127.0.0.1", "127.0.0.1:1/a\r\nb: c"] {
            assert!(target(url, "/readyz").is_err(), "{url:?}");
        }
    }
}
