//! Where log lines go, and in which form.

use std::io::{self, IsTerminal};

use mockmx::settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// Sends what is logged from now on to standard error.
pub(super) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&settings.filter)?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // anstream knows of NO_COLOR, CLICOLOR_FORCE and TERM.
    let coloured = match settings.format {
        LogFormat::Auto => anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        LogFormat::Human | LogFormat::Json => false,
    };
    let started = match settings.format {
        LogFormat::Json => logs.json().flatten_event(true).with_ansi(false).try_init(),
        _ => logs.with_ansi(coloured && io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
}
