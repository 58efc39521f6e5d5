//! What other processes write into the same PostgreSQL: each tells by NOTIFY that it wrote something, and whoever waits
//! here looks again.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::sleep;

use super::CHANNEL;
use crate::journal::location::PostgresUrl;
use crate::journal::watch::Watch;

/// How long is waited before a connection that was lost is made again.
const WAIT: Duration = Duration::from_millis(500);

/// Listens; once this returns, nothing is missed.
pub(super) async fn listener(url: &PostgresUrl) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(url.options()?.disable_statement_logging());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Has those who wait look again whenever another process wrote something, or may have, for ever.
pub(super) async fn listen(mut listener: PgListener, url: PostgresUrl, process: String, watch: Arc<Watch>) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) if notification.payload() == process => {}
            Ok(Some(_)) => watch.stir(),
            // The connection was lost and is there again; something may have been missed.
            Ok(None) => watch.stir(),
            Err(_) => {
                listener = again(&url).await;
                watch.stir();
            }
        }
    }
}

async fn again(url: &PostgresUrl) -> PgListener {
    loop {
        // The writer says what is wrong.
        if let Ok(listener) = listener(url).await {
            return listener;
        }
        sleep(WAIT).await;
    }
}
