//! Names of applications and machines as they are typed, and patterns of names: `*` stands for any
//! characters, `?` for one.

use std::str::FromStr;

use localtel::Error;
use localtel::admin::Source;
use localtel_bundle::host::{HostName, NoHostName};
use regex::Regex;

use super::super::failure::Failure;

/// The name of an application, or a pattern of names.
#[derive(Debug, Clone)]
pub(crate) enum NamePattern {
    /// One name.
    Name(Source),
    /// The text and the expression of a pattern: `*` stands for any characters, `?` for one.
    Pattern(String, Regex),
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !is_pattern(text) {
            return text.parse().map(Self::Name);
        }
        Ok(Self::Pattern(text.to_owned(), expression_of(text)?))
    }
}

impl NamePattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(source) => source.as_str() == name,
            Self::Pattern(_, expression) => expression.is_match(name),
        }
    }

    /// Returns the name or the pattern as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Name(source) => source.as_str(),
            Self::Pattern(text, _) => text,
        }
    }
}

/// The name of a machine, or a pattern of names.
#[derive(Debug, Clone)]
pub(crate) enum HostPattern {
    /// One name.
    Name(HostName),
    /// The text and the expression of a pattern.
    Pattern(String, Regex),
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_pattern(text) {
            let expression = expression_of(text).map_err(|error| error.to_string())?;
            return Ok(Self::Pattern(text.to_owned(), expression));
        }
        let name = text.parse();
        name.map(Self::Name)
            .map_err(|error: NoHostName| error.to_string())
    }
}

impl HostPattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own.as_str() == name,
            Self::Pattern(_, expression) => expression.is_match(name),
        }
    }

    /// Returns the name or the pattern as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Pattern(text, _) => text,
        }
    }

    /// Returns the name.
    ///
    /// # Errors
    ///
    /// Returns an error if it is a pattern.
    pub(crate) fn one(&self) -> Result<&HostName, Failure> {
        match self {
            Self::Name(name) => Ok(name),
            Self::Pattern(..) => {
                Err(Failure::usage("a machine has one name").hint("give it without `*` and `?`"))
            }
        }
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn expression_of(pattern: &str) -> Result<Regex, Error> {
    let expression = regex::escape(pattern)
        .replace(r"\*", ".*")
        .replace(r"\?", ".");
    let expression = Regex::new(&format!("^{expression}$"));
    expression.map_err(|error| Error::invalid("pattern", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_of_machines() {
        for (typed, name, expected) in [
            ("web-1", "web-1", true),
            ("web-1", "web-10", false),
            ("web-*", "web-10", true),
            ("web-?", "web-10", false),
            ("*", "a b.c", true),
            ("web.*", "webs1", false),
        ] {
            let pattern: HostPattern = typed.parse().unwrap();
            assert_eq!(pattern.matches(name), expected, "{typed} {name}");
        }
        for wrong in ["", "a\nb"] {
            assert!(wrong.parse::<HostPattern>().is_err(), "{wrong:?}");
        }
    }
}
