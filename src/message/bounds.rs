//! How far a message is looked into.

/// Bounds on the reading of one message. What lies beyond is named in `MessageFacts::unseen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Fields of one header section.
    pub header_fields: usize,
    /// Bytes of one header section.
    pub header_bytes: usize,
    /// MIME parts of all kinds, in all.
    pub parts: usize,
    /// Multiparts and messages within one another.
    pub depth: usize,
    /// Bytes of folded text in all, and decoded bytes of one text part.
    pub text: usize,
    /// Attachments and members of archives, in all.
    pub attachments: usize,
    /// Archives within one another; 1 looks into an attached archive and into none inside it.
    pub archive_depth: usize,
    /// Bytes inflated, in all.
    pub inflated: usize,
    /// Bytes inflated of one member.
    pub inflated_member: usize,
    /// Times that a member may grow when it is inflated.
    pub ratio: usize,
    /// Decoded bytes that are held at one time.
    pub held: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            header_fields: 2_000,
            header_bytes: 1 << 20,
            parts: 1_000,
            depth: 32,
            text: 8 << 20,
            attachments: 10_000,
            archive_depth: 8,
            inflated: 128 << 20,
            inflated_member: 16 << 20,
            ratio: 500,
            held: 32 << 20,
        }
    }
}
