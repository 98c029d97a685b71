//! The arguments of `show` without a flag: conditions, and what to read instead of the selected
//! application.

use std::path::{Path, PathBuf};

use super::super::suggestion;
use localtel::Error;
use localtel::read::Term;

/// An argument without a flag.
#[derive(Debug, Clone)]
pub(crate) enum RecordOperand {
    /// A condition.
    Condition(Term),
    /// A file or a directory.
    Path(PathBuf),
    /// The standard input.
    Stdin,
}

/// Parses an argument. One with a comparison is a condition, unless it begins as a path does.
///
/// # Errors
///
/// Returns why it is not a valid condition.
pub(crate) fn parse_operand(text: &str) -> Result<RecordOperand, String> {
    let is_path = ["./", "../", "/"]
        .iter()
        .any(|start| text.starts_with(start));
    if text == "-" {
        Ok(RecordOperand::Stdin)
    } else if is_path || !text.contains(suggestion::is_operator) {
        Ok(RecordOperand::Path(text.into()))
    } else {
        suggestion::parse_condition(text).map(RecordOperand::Condition)
    }
}

/// Returns the error for a word that is neither a condition nor a path that exists.
pub(crate) fn absent_path(path: &Path) -> Error {
    let text = path.display().to_string();
    let reason = if text.contains('/') {
        format!("`{text}` does not exist")
    } else {
        format!(
            "`{text}` has no comparison, and there is no file of that name; {}",
            suggestion::uses_of_word(&text)
        )
    };
    Error::invalid("show", reason)
}
