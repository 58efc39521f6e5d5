//! The API for the fuzz targets, without a socket.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::api::{Api, Closing, Records};
use super::{MOST_BODY, Readiness};
use crate::clock::{Clock, Time};
use crate::generation::Generation;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::store::Lanes;

/// The API over an empty journal, and what runs it. Nobody is kept waiting, as when mockmx stops.
#[derive(Debug)]
pub struct Served {
    generation: Arc<Generation>,
    router: Router,
    lanes: Arc<Lanes>,
    runtime: Runtime,
    closing: watch::Receiver<bool>,
}

/// Lanes that may be there before all are forgotten with their names.
const MOST_LANES: usize = 20;

impl Served {
    /// With these settings and packs.
    ///
    /// # Errors
    /// If there is no runtime.
    pub fn new(generation: Generation) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let generation = Arc::new(generation);
        let (router, lanes) = begun(&generation)?;
        Ok(Self { generation, router, lanes, runtime, closing: watch::channel(true).1 })
    }

    /// Answers a request with the whole response.
    ///
    /// # Errors
    /// If the response breaks off.
    pub fn answer(&self, mut request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        request.extensions_mut().insert(Closing(self.closing.clone()));
        let service = TowerToHyperService::new(self.router.clone());
        self.runtime.block_on(async {
            let answered = service.call(request.map(Body::from)).await;
            let (head, body) = answered.map_err(io::Error::other)?.into_parts();
            let body = to_bytes(body, 64 * MOST_BODY).await.map_err(io::Error::other)?;
            Ok(Response::from_parts(head, body.to_vec()))
        })
    }

    /// Forgets all lanes' stubs, counters and clocks.
    ///
    /// # Errors
    /// If there are no metrics.
    pub fn forget(&mut self) -> io::Result<()> {
        let lanes = self.lanes.all();
        if lanes.len() > MOST_LANES {
            (self.router, self.lanes) = begun(&self.generation)?;
        } else {
            for lane in lanes {
                self.lanes.reset(&lane.name);
            }
        }
        Ok(())
    }
}

fn begun(generation: &Arc<Generation>) -> io::Result<(Router, Arc<Lanes>)> {
    let journal = Arc::new(Journal::default());
    let lanes = Arc::new(Lanes::new(Clock::standing(Time::default())));
    let metrics = Arc::new(Metrics::new().map_err(io::Error::other)?);
    let readiness = Readiness::not_yet("being fuzzed", Arc::clone(&journal));
    let records = Records { journal, lanes: Arc::clone(&lanes), metrics };
    Ok((Api::new(Arc::clone(generation), records, readiness).router(), lanes))
}
