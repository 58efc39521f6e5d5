//! What is counted, for Prometheus and for the page.

mod minutes;
mod spread;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

use self::minutes::Minutes;
pub use self::minutes::{MINUTES, Minute};
pub use self::spread::{Bound, Spread};
use crate::clock::Clock;
use crate::journal::record::{Notification, Verdict};
use crate::stage::Stage;

/// Bounds of the histogram's buckets, in seconds: a verdict takes microseconds, one on a full store milliseconds.
const BUCKETS: [f64; 10] = [0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.01, 0.025, 0.1, 1.0];

/// The provider under which stubs speak. Tests name them as they like, so that their names are no labels.
const STUB: &str = "stub";

/// The counters of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    open: IntGauge,
    sessions: IntCounter,
    verdicts: IntCounterVec,
    messages: IntCounter,
    notifications: IntCounterVec,
    bytes: IntCounter,
    /// In the order of [`Stage::ALL`]: finding one by its label takes as long as many a verdict.
    judging: [Histogram; Stage::ALL.len()],
    minutes: Mutex<Minutes>,
    /// Nobody moves it.
    clock: Clock,
}

impl Metrics {
    /// Counters that all stand at nothing.
    ///
    /// # Errors
    /// If two have one name, which a test would show.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let open = IntGauge::new("mockmx_sessions_open", "SMTP sessions that are open")?;
        let sessions = IntCounter::new("mockmx_sessions_total", "SMTP sessions that began")?;
        let verdicts = Opts::new("mockmx_verdicts_total", "What rules said");
        let verdicts = IntCounterVec::new(verdicts, &["provider", "rule", "stage", "verdict"])?;
        let messages = IntCounter::new("mockmx_messages_total", "Messages that were accepted")?;
        let notifications = Opts::new("mockmx_notifications_total", "What senders are told later");
        let notifications = IntCounterVec::new(notifications, &["provider", "kind"])?;
        let bytes = IntCounter::new("mockmx_received_bytes_total", "Bytes from clients, of sessions that have ended")?;
        let judging = HistogramOpts::new("mockmx_judging_seconds", "Time that a verdict took").buckets(BUCKETS.into());
        let judging = HistogramVec::new(judging, &["stage"])?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(sessions.clone()))?;
        registry.register(Box::new(verdicts.clone()))?;
        registry.register(Box::new(messages.clone()))?;
        registry.register(Box::new(notifications.clone()))?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(judging.clone()))?;
        let judging = Stage::ALL.map(|stage| judging.with_label_values(&[stage.name()]));
        let (minutes, clock) = (Mutex::default(), Clock::system());
        Ok(Self { registry, open, sessions, verdicts, messages, notifications, bytes, judging, minutes, clock })
    }

    /// A session has begun.
    pub fn session_began(&self) {
        self.open.inc();
        self.sessions.inc();
    }

    /// A session has ended, after so many bytes from the client.
    pub fn session_ended(&self, bytes: u64) {
        self.open.dec();
        self.bytes.inc_by(bytes);
    }

    /// A rule had its say.
    pub fn verdict(&self, verdict: &Verdict) {
        let rule = if verdict.provider == STUB { STUB } else { &verdict.rule };
        let labels = [&verdict.provider, rule, verdict.stage.name(), verdict.verdict.name()];
        self.verdicts.with_label_values(&labels).inc();
        self.minutes().count(&verdict.provider, self.clock.now());
    }

    /// How often each rule had its say, by provider and by rule. All stubs count as one.
    #[must_use]
    pub fn fired(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut fired = BTreeMap::<_, BTreeMap<_, _>>::new();
        for metric in self.verdicts.collect().iter().flat_map(MetricFamily::get_metric) {
            let label = |name| {
                let found = metric.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            let count = fired.entry(label("provider")).or_default().entry(label("rule")).or_default();
            // A counter of whole numbers is told as a float.
            *count += metric.get_counter().get_value() as u64;
        }
        fired
    }

    /// The verdicts of the latest minutes, the oldest first.
    #[must_use]
    pub fn latest_minutes(&self) -> Vec<Minute> {
        self.minutes().all(self.clock.now())
    }

    /// How long verdicts took at each stage, in the order of [`Stage::ALL`]; of those stages at which there was one.
    #[must_use]
    pub fn judged(&self) -> Vec<(Stage, Spread)> {
        let stages = Stage::ALL.into_iter().zip(&self.judging);
        stages.filter_map(|(stage, judging)| Some((stage, Spread::of(judging)?))).collect()
    }

    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was accepted.
    pub fn message(&self) {
        self.messages.inc();
    }

    /// A notification was written, to be sent when it is due.
    pub fn notification(&self, notification: &Notification) {
        self.notifications.with_label_values(&[notification.provider.as_str(), notification.kind.name()]).inc();
    }

    /// Measures how long a verdict takes, from now on.
    pub fn judging(&self, stage: Stage) -> HistogramTimer {
        self.judging[stage as usize].start_timer()
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_written() {
        let metrics = Metrics::new().unwrap();
        metrics.session_began();
        metrics.session_began();
        metrics.session_ended(17);
        metrics.message();
        metrics.judging(Stage::Rcpt).observe_duration();
        let text = metrics.text().unwrap();
        for line in [
            "# TYPE mockmx_sessions_open gauge",
            "mockmx_sessions_open 1",
            "mockmx_sessions_total 2",
            "mockmx_received_bytes_total 17",
            "mockmx_messages_total 1",
            "mockmx_judging_seconds_count{stage=\"rcpt\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
