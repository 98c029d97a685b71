//! What ends a command, or the work on one host, as a message for a person. Names that come from
//! data are shown with everything unsafe escaped.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

use localtel::read::is_unsafe_to_show;

/// A failure, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FleetFailure(pub(crate) String);

impl FleetFailure {
    /// Creates the failure of an operation on a file; `action` is a verb.
    pub(crate) fn io(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let shown = path.display().to_string();
            Self(format!("cannot {action} {}: {error}", SafeText(&shown)))
        }
    }
}

impl From<localtel::Error> for FleetFailure {
    fn from(error: localtel::Error) -> Self {
        Self(SafeText(&error.to_string()).to_string())
    }
}

/// Shows a text with everything escaped that could move the cursor or begin a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SafeText<'a>(pub(crate) &'a str);

impl fmt::Display for SafeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if is_unsafe_to_show(letter) {
                write!(f, "{}", letter.escape_default())?;
            } else {
                f.write_char(letter)?;
            }
        }
        Ok(())
    }
}
