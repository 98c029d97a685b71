//! The JSON documents of commands: one object on a line, which begins with the version of its
//! keys. Records and the schema are no documents.

use serde::Serialize;

use super::sanitize::{SafeJson, push};

/// A document with its version.
#[derive(Serialize)]
struct VersionedDocument<T> {
    document_version: u32,
    #[serde(flatten)]
    content: T,
}

/// The version of all documents. It is increased if a key changes its meaning or is removed; new
/// keys do not change it.
const VERSION: u32 = 1;

/// Returns an object as a line, in which nothing can harm a terminal.
///
/// # Errors
///
/// Returns an error if the value is not an object.
pub(crate) fn document(content: impl Serialize) -> serde_json::Result<Vec<u8>> {
    let document = VersionedDocument {
        document_version: VERSION,
        content,
    };
    let text = serde_json::to_string(&document)?;
    let mut line = Vec::with_capacity(text.len() + 1);
    push(&mut line, SafeJson(&text));
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_a_safe_line_with_its_version() {
        let line = document(serde_json::json!({"a": "\u{9b}31m"})).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, "{\"document_version\":1,\"a\":\"\\u009b31m\"}\n");
    }

    #[test]
    fn a_list_is_no_document() {
        assert!(document([1, 2]).is_err());
    }
}
