//! A server of mailin-embedded that takes everything: `mailin ADDRESS THREADS`.

use std::error::Error;

use mailin_embedded::{Handler, Server};

#[derive(Clone)]
struct Accept;

// Every answer of the trait is positive unless it is overridden.
impl Handler for Accept {}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(threads)) = (arguments.next(), arguments.next()) else {
        return Err("usage: mailin ADDRESS THREADS".into());
    };
    let mut server = Server::new(Accept);
    server.with_name("mailin").with_num_threads(threads.parse()?).with_addr(address)?;
    Ok(server.serve()?)
}
