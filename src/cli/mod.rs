//! The command line.

mod pager;
mod sanitize;
mod screen;
mod show;
mod time;
mod view;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was asked to.
    Done,
    /// It was asked to tell whether anything matched, and nothing did.
    NothingMatched,
}
