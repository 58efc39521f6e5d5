//! Everything that is tested from outside, through the built program, in one binary so that it links once.

mod cli;
mod docs;
mod explain;
mod postfix;
mod program;
