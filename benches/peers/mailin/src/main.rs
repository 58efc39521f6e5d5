//! A server of mailin-embedded that takes everything: `mailin ADDRESS THREADS`.
//!
//! `mailin ADDRESS THREADS FOLDER` says where it listens, and keeps each message in a file of the folder, behind a line
//! with the envelope's sender and its recipients.

use std::error::Error;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use mailin_embedded::{Handler, Response, Server, response};

#[derive(Clone)]
struct Accept;

// Every answer of the trait is positive unless it is overridden.
impl Handler for Accept {}

#[derive(Clone)]
struct Keep {
    folder: PathBuf,
    message: Vec<u8>,
}

impl Handler for Keep {
    fn data_start(&mut self, _: &str, from: &str, _: bool, to: &[String]) -> Response {
        self.message = format!("{from} {}\n", to.join(" ")).into_bytes();
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.message.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        // One that is not kept is missed by whoever looks for it.
        let kept = fs::read_dir(&self.folder).map(Iterator::count);
        let written = kept.and_then(|kept| fs::write(self.folder.join(kept.to_string()), &self.message));
        if written.is_ok() { response::OK } else { response::INTERNAL_ERROR }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(threads), folder) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: mailin ADDRESS THREADS [FOLDER]".into());
    };
    let Some(folder) = folder else {
        let mut server = Server::new(Accept);
        server.with_name("mailin").with_num_threads(threads.parse()?).with_addr(address)?;
        return Ok(server.serve()?);
    };
    let listener = TcpListener::bind(address)?;
    println!("listening {}", listener.local_addr()?);
    let mut server = Server::new(Keep { folder: folder.into(), message: Vec::new() });
    server.with_name("mailin").with_num_threads(threads.parse()?).with_tcp_listener(listener);
    Ok(server.serve()?)
}
