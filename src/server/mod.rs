//! Sockets.

pub mod judge;
