//! What the fuzz targets see of the parts.

use std::ops::Range;

use super::Bounds;
use super::parts::split;

/// The bodies of all parts, within the message.
#[must_use]
pub fn bodies(raw: &[u8], bounds: &Bounds) -> Vec<Range<usize>> {
    split(raw, bounds).parts.into_iter().map(|part| part.body).collect()
}
