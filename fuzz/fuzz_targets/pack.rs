//! A pack that is wrong is told of within its text, and drawn.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx::policy::Policy;
use mockmx::problem::Place;

fuzz_target!(|text: &str| {
    let Err(problems) = Policy::check("a.toml", text) else { return };
    assert!(!problems.0.is_empty(), "there is no problem and it is wrong");
    assert!(!problems.to_string().is_empty());
    for problem in &problems.0 {
        assert!(!problem.text.is_empty());
        if let Place::File(source, span) = &problem.place {
            assert_eq!(source.text, text);
            assert!(text.get(span.clone()).is_some(), "{span:?} of {}: {}", text.len(), problem.text);
        }
        assert!(problem.place.line() <= text.split('\n').count());
        let drawn = problem.render(false);
        assert!(!drawn.contains('\u{1b}') && drawn.starts_with("error"), "{drawn:?}");
        let _ = problem.render(true);
    }
});
