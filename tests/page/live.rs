//! The list of sessions, as it goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Looked, has};

/// A list that is live, or the answer that refuses it.
fn live(looked: &Looked) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(looked.0.http()).unwrap();
    write!(stream, "GET /live HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    (stream, String::from_utf8_lossy(&head).into_owned())
}

#[test]
fn lists_that_are_live_leave_room_for_those_who_ask() {
    let looked = Looked::start();
    let mut open: Vec<_> = (0..128).map(|_| live(&looked)).collect();
    assert!(open.iter().all(|(_, head)| head == "HTTP/1.1 200"));
    assert_eq!(live(&looked).1, "HTTP/1.1 503");
    let page = looked.page_of("/live", 503);
    has(&page, &["128 lists are live already", "close some pages"]);
    // Who asks is answered, and a place that becomes free is taken.
    looked.page("/");
    open.pop();
    let again = (0..400).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(25));
        live(&looked).1 == "HTTP/1.1 200"
    });
    assert!(again, "a list that was closed takes a place");
}
