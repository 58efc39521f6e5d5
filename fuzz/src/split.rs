//! The same bytes in pieces of any sizes.

/// Cuts `bytes` into pieces of these sizes, again and again. A size of nothing is an empty piece, so long as another
/// size gets on.
#[must_use]
pub fn pieces<'a>(bytes: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    if sizes.iter().all(|size| *size == 0) {
        return vec![bytes];
    }
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*size)));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
