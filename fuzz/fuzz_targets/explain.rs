//! Whatever somebody brings is explained, or not.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mockmx::explain::{Explainer, statements};
use mockmx::policy::ProviderView;
use mockmx_fuzz::with_mail_parser;

static PROVIDERS: LazyLock<Vec<ProviderView>> = LazyLock::new(|| mockmx_fuzz::generation().policy.providers());
static EXPLAINER: LazyLock<Explainer<'static>> = LazyLock::new(|| Explainer::new(&PROVIDERS));

fuzz_target!(|brought: &[u8]| {
    let Some(texts) = with_mail_parser(|| statements(brought)) else { return };
    assert!(texts.len() <= 20);
    assert!(texts.iter().all(|text| !text.trim().is_empty()));
    // To explain takes a thousand times as long as to find what there is to explain.
    for text in texts.iter().take(3).filter(|_| brought.len().is_multiple_of(8)) {
        let found = EXPLAINER.explain(text);
        assert!(found.iter().all(|found| (1..=100).contains(&found.certainty)), "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.certainty >= b.certainty));
    }
});
