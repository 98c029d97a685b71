//! Properties that have a column of their own: their names and types, and the values of records. A
//! value of another type is missing in the column; it is in the properties like any other.

use std::fmt;
use std::str::FromStr;

use localtel::read::raw::{RawJson, RawText, RawValue};

/// A property with a column, which has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promoted {
    pub(crate) key: String,
    pub(crate) kind: ColumnKind,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Strings.
    Text,
    /// Integers of 64 bits.
    Integer,
    /// Any number, as a float of 64 bits.
    Number,
    /// `true` and `false`.
    Boolean,
}

impl ColumnKind {
    const ALL: [Self; 4] = [Self::Text, Self::Integer, Self::Number, Self::Boolean];

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

impl fmt::Display for Promoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.kind.name())
    }
}

impl FromStr for Promoted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, kind)) = text.rsplit_once(':') else {
            return Err("give a key and a type, as `rows:integer`".to_owned());
        };
        let mut kinds = ColumnKind::ALL.into_iter();
        let Some(kind) = kinds.find(|known| known.name() == kind) else {
            let names = ColumnKind::ALL.map(ColumnKind::name).join(", ");
            return Err(format!("the type is not one of {names}"));
        };
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err("the key is empty or has control characters".to_owned());
        }
        let own_names = OTHER_COLUMNS.iter();
        if own_names
            .copied()
            .any(|name| name.eq_ignore_ascii_case(key))
        {
            return Err(format!("every file has another column `{key}`"));
        }
        Ok(Self {
            key: key.to_owned(),
            kind,
        })
    }
}

/// Returns the properties with columns: the usual ones, and those that a user named.
///
/// # Errors
///
/// Returns an error if two columns would have names that differ only in case, which some engines
/// take for the same.
pub(crate) fn columns(named: Vec<Promoted>) -> Result<Vec<Promoted>, String> {
    let usual = USUAL.into_iter().map(|(key, kind)| Promoted {
        key: key.to_owned(),
        kind,
    });
    let mut columns: Vec<Promoted> = usual.collect();
    for column in named {
        let same = |known: &&mut Promoted| known.key.eq_ignore_ascii_case(&column.key);
        match columns.iter_mut().find(same) {
            None => columns.push(column),
            Some(known) if known.key == column.key => *known = column,
            Some(known) => {
                let key = &column.key;
                return Err(format!(
                    "the columns `{}` and `{key}` differ only in case",
                    known.key
                ));
            }
        }
    }
    Ok(columns)
}

/// A value for a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PromotedValue<'a> {
    Text(RawText<'a>),
    Integer(i64),
    Number(f64),
    Boolean(bool),
}

impl ColumnKind {
    /// Returns the value, if it has this type.
    pub(crate) fn value(self, json: RawJson<'_>) -> Option<PromotedValue<'_>> {
        if let Some(text) = json.text() {
            return (self == Self::Text).then_some(PromotedValue::Text(text));
        }
        match (json.value(), self) {
            (RawValue::Number(digits), Self::Integer) => {
                digits.parse().ok().map(PromotedValue::Integer)
            }
            (RawValue::Number(digits), Self::Number) => {
                digits.parse().ok().map(PromotedValue::Number)
            }
            (RawValue::Word(word), Self::Boolean) => word.parse().ok().map(PromotedValue::Boolean),
            (
                RawValue::Text(_) | RawValue::Number(_) | RawValue::Word(_) | RawValue::Compound(_),
                Self::Text | Self::Integer | Self::Number | Self::Boolean,
            ) => None,
        }
    }
}

/// The properties that always have a column.
const USUAL: [(&str, ColumnKind); 4] = [
    ("command", ColumnKind::Text),
    ("result", ColumnKind::Text),
    ("error", ColumnKind::Text),
    ("duration", ColumnKind::Number),
];

/// The other columns of a file, and the partitions that it is in.
const OTHER_COLUMNS: [&str; 19] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
    "properties",
    "spans",
    "once",
    "host_name",
    "application",
    "profile",
    "log",
    "segment",
    "offset",
    "host",
    "date",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_a_key_and_a_type() {
        let column: Promoted = "http.url:text".parse().unwrap();
        assert_eq!(
            (column.key.as_str(), column.kind),
            ("http.url", ColumnKind::Text)
        );
        let column: Promoted = "a:b:integer".parse().unwrap();
        assert_eq!(column.to_string(), "a:b:integer");
        for text in [
            "rows",
            "rows:",
            "rows:int",
            ":text",
            "Level:text",
            "host:text",
            "a\n:text",
        ] {
            assert!(text.parse::<Promoted>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_usual_column_can_have_another_type() {
        let named = vec![
            "duration:integer".parse().unwrap(),
            "rows:integer".parse().unwrap(),
        ];
        let columns = columns(named).unwrap();
        let shown: Vec<String> = columns.iter().map(Promoted::to_string).collect();
        let expected = [
            "command:text",
            "result:text",
            "error:text",
            "duration:integer",
            "rows:integer",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let named = vec!["Duration:integer".parse().unwrap()];
        assert!(columns(named).is_err());
    }
}
