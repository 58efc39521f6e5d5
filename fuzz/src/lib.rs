//! What the targets share: a session that is driven and watched, and naive readings of what it is fed.

pub mod event;
pub mod naive;
pub mod play;
pub mod scene;
pub mod split;

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use mockmx::generation::Generation;
use mockmx::settings::{Flags, Settings};

/// The built-in packs, with no settings.
#[must_use]
pub fn generation() -> Generation {
    let settings = Settings::load(&Flags::default(), [], Path::new("")).expect("there is nothing wrong with nothing");
    Generation::load(settings).expect("the packs load")
}

/// What is read with mail-parser; nothing if one of its own assertions does not hold. It goes on where those are not
/// compiled in (0.11.9: "Invalid part ID, could not find multipart").
#[must_use]
pub fn with_mail_parser<T>(read: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // libFuzzer's own, which aborts.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("/mail-parser-")) {
                hook(info);
            }
        }));
    });
    panic::catch_unwind(AssertUnwindSafe(read)).ok()
}
