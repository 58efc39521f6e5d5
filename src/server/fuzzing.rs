//! Sessions over pipes in memory, for the fuzz targets.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::endpoint::{Endpoint, World};
use super::stream::Wire;
use super::{Generation, Phase, connection, tls};
use crate::clock::{Clock, Time};
use crate::facts::loopback;
use crate::metrics::Metrics;
use crate::store::Lanes;

#[cfg(not(test))]
impl Wire for DuplexStream {
    fn reset_on_close(&self) {}
}

/// All that the first listener answers to a script that is said at once, at that time.
///
/// # Errors
/// If there is no runtime, or the pipe breaks.
pub fn answered(generation: Generation, now: Time, script: &[u8]) -> io::Result<Vec<u8>> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let metrics = Metrics::new().map_err(io::Error::other)?;
        let world = Arc::new(World::new(Lanes::new(Clock::standing(now)).into(), Arc::default(), metrics));
        let made = tls::Made::new(now).map_err(io::Error::other)?;
        let acceptor = tls::acceptor(&generation.settings.tls, &made).map_err(io::Error::other)?;
        let listener = generation.settings.listeners[0].clone();
        let endpoint = Arc::new(Endpoint::new(&listener, &Arc::new(generation), &acceptor, None, &world));
        let (mut client, server) = duplex(1 << 20);
        let phase = watch::Sender::new(Phase::Serving);
        let Some(seat) = world.seat(1) else { return Err(io::Error::other("there is no seat")) };
        let serving = connection::serve(server, loopback(), endpoint, phase.subscribe(), seat);
        let talking = async {
            client.write_all(script).await?;
            client.shutdown().await?;
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await?;
            Ok(answer)
        };
        tokio::join!(serving, talking).1
    })
}
