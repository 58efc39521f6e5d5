//! What the targets share: a session that is driven and watched, and naive readings of what it is fed.

pub mod event;
pub mod naive;
pub mod play;
pub mod scene;
pub mod split;

use std::path::Path;

use mockmx::generation::Generation;
use mockmx::settings::{Flags, Settings};

/// The built-in packs, with no settings.
#[must_use]
pub fn generation() -> Generation {
    let settings = Settings::load(&Flags::default(), [], Path::new("")).expect("there is nothing wrong with nothing");
    Generation::load(settings).expect("the packs load")
}
