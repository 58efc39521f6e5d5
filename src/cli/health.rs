//! `mockmx health`: the health check of a container that has no other program in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Where to ask: `http://ADDR:PORT/PATH`, whose path may be left out
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8025/readyz")]
    url: String,
}

/// How long connecting, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A status line is much shorter.
const LONGEST_ANSWER: u64 = 4096;

pub(super) fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let (address, path) = target(&args.url)?;
    let status = ask(address, path).with_context(|| format!("cannot ask {address}"))?;
    let mut out = anstream::stdout();
    writeln!(out, "{status}")?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The address and the path of a URL.
fn target(url: &str) -> anyhow::Result<(SocketAddr, &str)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some((scheme, _)) => bail!("cannot speak {scheme}: only http is served"),
        None => url,
    };
    let (host, path) = rest.find('/').map_or((rest, "/readyz"), |slash| rest.split_at(slash));
    let local = host.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = local.as_deref().unwrap_or(host).parse();
    let address = address.with_context(|| format!("`{host}` is no address with a port"))?;
    if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        bail!("`{}` is no path", path.escape_debug());
    }
    Ok((address, path))
}

/// The status that an HTTP server answers with.
fn ask(address: SocketAddr, path: &str) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut limited = stream.take(LONGEST_ANSWER);
    let mut some = [0; 512];
    while !answer.contains(&b'\n') {
        match limited.read(&mut some)? {
            0 => break,
            count => answer.extend_from_slice(&some[..count]),
        }
    }
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.context("the answer is not HTTP")
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
            let (found, found_path) = target(url).unwrap();
            assert_eq!((found.to_string().as_str(), found_path), (address, path), "{url}");
        }
        for url in ["", "https://127.0.0.1:1", "http://example.com/", "127.0.0.1", "127.0.0.1:1/a\r\nb: c"] {
            assert!(target(url).is_err(), "{url:?}");
        }
    }
}
