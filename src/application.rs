//! The names of applications and of their profiles. `directory` determines where their telemetry is
//! stored.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The name of an application that records, as used in paths and in each record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(String);

impl Source {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the environment variable that switches this source on or off for one
    /// run.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use localtel::admin::Source;
    ///
    /// let source: Source = "my-app".parse()?;
    /// assert_eq!(source.variable(), "MY_APP_TELEMETRY");
    /// # }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn variable(&self) -> String {
        let upper = self.0.chars().map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_uppercase()
            } else {
                '_'
            }
        });
        let mut name = String::with_capacity(self.0.len() + VARIABLE_END.len());
        name.extend(upper);
        name.push_str(VARIABLE_END);
        name
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        check_name("source", name)?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of one of several sets of telemetry of a source, each with its own consent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile(String);

impl Profile {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if it is the default profile, which is used if none is named.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT_PROFILE
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self(DEFAULT_PROFILE.to_owned())
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        check_name("profile", name)?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names become parts of paths and of variables, so they are plain: no separators, no hidden names,
/// no `..`.
fn check_name(what: &'static str, name: &str) -> Result<()> {
    let invalid = |reason: &str| Err(Error::invalid(what, format!("`{name}` {reason}")));
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return invalid("must have 1 to 64 characters");
    }
    if name.starts_with('.') {
        return invalid("must not start with a dot");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !name.bytes().all(is_plain) {
        return invalid("may contain only letters, digits, `.`, `_` and `-`");
    }
    Ok(())
}

/// The end of the name of a source's variable.
const VARIABLE_END: &str = "_TELEMETRY";
/// The profile that is used if none is named.
const DEFAULT_PROFILE: &str = "default";
/// Far below the 255 bytes that a file name may have, so that every name fits with its suffixes.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        let long = "a".repeat(65);
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "/a",
            "a b",
            "a\0",
            "ä",
            "a\n",
            long.as_str(),
        ] {
            assert!(name.parse::<Source>().is_err(), "{name:?}");
            assert!(name.parse::<Profile>().is_err(), "{name:?}");
        }
        for name in ["a", "my-app", "My_App.2", "a..b", "x"] {
            assert_eq!(name.parse::<Source>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_source_names_its_variable() {
        for (name, expected) in [
            ("myapp", "MYAPP_TELEMETRY"),
            ("my-app.v2", "MY_APP_V2_TELEMETRY"),
            ("Tool_9", "TOOL_9_TELEMETRY"),
        ] {
            assert_eq!(name.parse::<Source>().unwrap().variable(), expected);
        }
    }
}
