//! The commands that list the records behind a figure.

use super::super::columns::HostKey;
use localtel::admin::ShellWord;

/// Makes commands of `show` with the selection that was counted.
#[derive(Debug, Clone)]
pub(super) struct ShowCommands {
    /// The words before the selection, such as `localtel --app billing show`.
    pub(super) start: String,
    /// The range of time, and the rest of the selection.
    pub(super) range: Vec<String>,
    pub(super) selection: Vec<String>,
    /// What the key `host` of a condition means.
    pub(super) host: HostKey,
}

impl ShowCommands {
    /// Returns the command for the records that also match these words, which are quoted already.
    pub(super) fn with(&self, more: impl IntoIterator<Item = String>) -> String {
        self.within(&self.range, more)
    }

    /// Returns the command for such records in another range of time.
    pub(super) fn within(
        &self,
        range: &[String],
        more: impl IntoIterator<Item = String>,
    ) -> String {
        let mut words = vec![self.start.clone()];
        words.extend_from_slice(range);
        words.extend_from_slice(&self.selection);
        words.extend(more);
        words.join(" ")
    }
}

impl ShowCommands {
    /// Returns a condition of equality, as a word of a command line, that selects what was counted
    /// under that value.
    pub(super) fn equality(&self, key: &str, value: &str) -> String {
        if self.host.is_machine(key) && value.parse::<f64>().is_ok() {
            // `1e3` and `1000` are different machines.
            return ShellWord(&format!("{key}={}", quoted(value))).to_string();
        }
        equality(key, value)
    }
}

/// Returns a condition of equality as a word of a command line.
pub(super) fn equality(key: &str, value: &str) -> String {
    // A key or a value with an operator is quoted for the condition, too.
    let key = if key.contains(['=', '<', '>', '!', '~', '"', ' ']) {
        quoted(key)
    } else {
        key.to_owned()
    };
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:@+".contains(letter);
    let is_number = value.parse::<f64>().is_ok();
    let value = if value.chars().all(is_plain) && !value.is_empty() || is_number {
        value.to_owned()
    } else {
        quoted(value)
    };
    ShellWord(&format!("{key}={value}")).to_string()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
