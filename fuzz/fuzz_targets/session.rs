//! A session, whatever is sent, said and done to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mockmx_fuzz::play::replies;
use mockmx_fuzz::scene::Scene;

fuzz_target!(|scene: Scene| {
    let whole = scene.play(&[]);
    assert!(replies(&whole.output) <= scene.most_replies(), "more is answered than was said");
    let whole = whole.heard();
    for sizes in [&[1][..], &scene.sizes] {
        assert_eq!(scene.play(sizes).heard(), whole);
    }
});
