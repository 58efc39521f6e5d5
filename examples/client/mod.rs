//! The sender under test, in place of yours.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Sends a message, and returns the last reply: to its end, or to what was refused.
pub(crate) async fn send(address: SocketAddr, from: &str, to: &str, subject: &str) -> String {
    let mut stream = BufReader::new(TcpStream::connect(address).await.expect("mockmx listens"));
    let lines = [
        "EHLO client.example".to_owned(),
        format!("MAIL FROM:<{from}>"),
        format!("RCPT TO:<{to}>"),
        "DATA".to_owned(),
        format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nHello\r\n."),
    ];
    let mut last = reply(&mut stream).await;
    for line in lines {
        stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.expect("mockmx reads");
        last = reply(&mut stream).await;
        if last.starts_with(['4', '5']) {
            break;
        }
    }
    stream.get_mut().write_all(b"QUIT\r\n").await.expect("mockmx reads");
    last
}

async fn reply(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("mockmx answers");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}
