//! A condition on one value of a record, such as `key=value`, `duration>100` or `path~^/home`.
//!
//! A key is looked up first among the record's own parts
//! (`timestamp level source target event message session seq`), then among its properties by its
//! whole name, then along its dots into nested objects, then in the same way among the properties
//! of its spans, from the leaf to the root. `properties.key` selects a property that has the name
//! of such a part. A key that is not found never matches, whatever the comparison, `!=` and `!~`
//! included: a query about a key does not concern records without it.
//!
//! A text that is a number is compared as a number: whether a value is a text or a number depends
//! on the recording program, and `1.10` is a text where `1.1` is a number.

use std::cmp::Ordering;
use std::str::FromStr;

use regex::Regex;
use serde_json::Value;

use super::not_a_regex;
use super::number::NumberBound;
use super::value::{FoundValue, Operand};
use crate::error::Error;
use crate::record;
use crate::record::raw::{Object, RawRecord, RawText, RawValue};

/// A condition on one value of a record.
///
/// * `key=value`, `key!=value`: a string is compared with the text, a number with the number, and
///   `true`, `false` and `null` with the word.
/// * `key>10`, `key>=10`, `key<10`, `key<=10`: only for numbers; for `level` between levels, for
///   `timestamp` between times. A record whose value is of another type does not match;
///   `localtel show` prints the number of such records on stderr.
/// * `key~regex`, `key!~regex`: the expression matches, or does not match, a part of the value as
///   written; matching is case-sensitive.
///
/// A string that is a decimal number, such as `1.10`, `007`, `+5`, `.5` or `1e3`, is compared as
/// that number. Numbers are compared exactly, however many digits they have. To distinguish
/// `1.10` from `1.1`, use `key~^1\.10$`.
#[derive(Debug, Clone)]
pub struct Term {
    key: TermKey,
    test: Test,
}

/// The place of a value in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TermKey {
    Timestamp,
    Level,
    Source,
    Target,
    Event,
    Message,
    Session,
    Seq,
    Property(String),
}

/// The comparison with a value.
#[derive(Debug, Clone)]
enum Test {
    /// Equal (or not, if `answer` is false) to a text, and to the number that the text is.
    Equal { wanted: Operand, answer: bool },
    /// In that order relation to a number, a level or a time.
    Ordered { relation: Relation, bound: Operand },
    /// Matched, or not matched, by a regular expression.
    Found { regex: Regex, answer: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The result of a condition for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Matches,
    Fails,
    /// The value has a type that cannot be ordered against the operand.
    OtherType,
}

impl Term {
    /// Returns the key as written in the condition, without a leading `properties.`.
    pub fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Returns the text that the value must equal, if this is a condition of equality with a text.
    pub fn equal_to(&self) -> Option<&str> {
        match &self.test {
            Test::Equal {
                wanted: Operand::Text { text, .. },
                answer: true,
            } => Some(text),
            Test::Equal { .. } | Test::Ordered { .. } | Test::Found { .. } => None,
        }
    }

    /// Returns the result of the condition for a record.
    pub(super) fn answer(&self, raw: &RawRecord<'_>) -> Answer {
        let found = self.key.find(raw);
        found.map_or(Answer::Fails, |found| self.test.answer(&found))
    }
}

impl Test {
    fn answer(&self, found: &FoundValue<'_>) -> Answer {
        let is_so = match self {
            Self::Equal { wanted, answer } => found.equals(wanted) == *answer,
            Self::Ordered { relation, bound } => match found.compare(bound) {
                Some(ordering) => relation.allows(ordering),
                None => return Answer::OtherType,
            },
            Self::Found { regex, answer } => regex.is_match(&found.to_text()) == *answer,
        };
        if is_so {
            Answer::Matches
        } else {
            Answer::Fails
        }
    }
}

impl FromStr for Term {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::invalid("filter", reason);
        let start = text.find(['=', '!', '<', '>', '~']).unwrap_or(text.len());
        let (key, rest) = text.split_at_checked(start).unwrap_or((text, ""));
        let operators = ["!=", "!~", ">=", "<=", "=", ">", "<", "~"];
        let found = operators
            .into_iter()
            .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)));
        let Some((operator, value)) = found else {
            return Err(invalid(format!(
                "`{text}` is not a condition; write key=value, key!=value, key>10, key>=10, key<10, \
                 key<=10, key~regex or key!~regex"
            )));
        };
        if key.trim().is_empty() {
            return Err(invalid(format!("`{text}` has no key before `{operator}`")));
        }
        if operator == "=" && value.starts_with('=') {
            return Err(invalid(format!(
                "`==` in `{text}` is not an operator; write `{key}={}`",
                value.trim_start_matches('=')
            )));
        }
        let key = TermKey::parse(key.trim());
        let test = match operator {
            "=" | "!=" => Test::Equal {
                wanted: key.operand(value).map_err(invalid)?,
                answer: operator == "=",
            },
            "~" | "!~" => Test::Found {
                regex: Regex::new(value).map_err(|error| not_a_regex("filter", &error))?,
                answer: operator == "~",
            },
            _ => Test::Ordered {
                relation: Relation::parse(operator),
                bound: key.bound(operator, value).map_err(invalid)?,
            },
        };
        Ok(Self { key, test })
    }
}

impl TermKey {
    fn parse(key: &str) -> Self {
        match key {
            "timestamp" => Self::Timestamp,
            "level" => Self::Level,
            "source" => Self::Source,
            "target" => Self::Target,
            "event" => Self::Event,
            "message" => Self::Message,
            "session" => Self::Session,
            "seq" => Self::Seq,
            property => Self::Property(
                property
                    .strip_prefix("properties.")
                    .unwrap_or(property)
                    .into(),
            ),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Level => "level",
            Self::Source => "source",
            Self::Target => "target",
            Self::Event => "event",
            Self::Message => "message",
            Self::Session => "session",
            Self::Seq => "seq",
            Self::Property(name) => name,
        }
    }

    /// Parses the operand of an equality for this key.
    fn operand(&self, value: &str) -> Result<Operand, String> {
        match self {
            Self::Level => parse_level(value),
            Self::Timestamp => parse_time(value),
            Self::Source
            | Self::Target
            | Self::Event
            | Self::Message
            | Self::Session
            | Self::Seq
            | Self::Property(_) => Ok(Operand::Text {
                text: value.to_owned(),
                number: NumberBound::parse(value),
            }),
        }
    }

    /// Parses the operand of an order relation for this key.
    fn bound(&self, operator: &str, value: &str) -> Result<Operand, String> {
        let operand = self.operand(value)?;
        match &operand {
            Operand::Text { number: None, .. } => Err(format!(
                "`{operator}` compares numbers, and `{value}` is not a number; to compare text, use = != ~ or !~"
            )),
            Operand::Text {
                number: Some(_), ..
            }
            | Operand::Level(_)
            | Operand::Time(_) => Ok(operand),
        }
    }

    fn find<'a>(&self, raw: &RawRecord<'a>) -> Option<FoundValue<'a>> {
        let text = |text: RawText<'a>| FoundValue::Json(RawValue::Text(text.decoded()));
        match self {
            Self::Timestamp => Some(FoundValue::Time(raw.time().to_moment())),
            Self::Level => Some(FoundValue::Level(raw.level)),
            Self::Source => Some(text(raw.source)),
            Self::Target => Some(text(raw.target)),
            Self::Event => raw.event.map(text),
            Self::Message => raw.message.map(text),
            Self::Session => Some(text(raw.session)),
            Self::Seq => Some(FoundValue::Json(RawValue::Number(
                raw.seq.to_string().into(),
            ))),
            Self::Property(name) => find_property(raw, name).map(FoundValue::Json),
        }
    }
}

/// Finds a property of a record or, if there is none, of its spans, as a condition with that key
/// does.
pub fn find_property<'a>(raw: &RawRecord<'a>, key: &str) -> Option<RawValue<'a>> {
    let in_spans = || {
        let spans = raw.spans.iter();
        // The span nearest to the leaf has precedence.
        spans.filter_map(|(_, span)| value_at(span, key)).last()
    };
    value_at(raw.properties, key).or_else(in_spans)
}

/// Finds a property by its whole name, or along the dots of the name into nested objects. Of
/// several matches, the property with the longest name is returned.
fn value_at<'a>(properties: Object<'a>, name: &str) -> Option<RawValue<'a>> {
    if let Some(json) = properties.get(name) {
        return Some(RawValue::of_json(json));
    }
    name.rmatch_indices('.').find_map(|(dot, _)| {
        let (own, inner) = (name.get(..dot)?, name.get(dot + 1..)?);
        let mut value: Value = serde_json::from_slice(properties.get(own)?).ok()?;
        for key in inner.split('.') {
            value = match &mut value {
                Value::Object(object) => object.get_mut(key)?.take(),
                Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?)?.take(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
            };
        }
        Some(RawValue::of_value(value))
    })
}

impl Relation {
    fn parse(operator: &str) -> Self {
        match operator {
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            _ => Self::GreaterOrEqual,
        }
    }

    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn parse_level(value: &str) -> Result<Operand, String> {
    value
        .parse()
        .map(Operand::Level)
        .map_err(|_| format!("`{value}` is not one of trace, debug, info, warn, error"))
}

fn parse_time(value: &str) -> Result<Operand, String> {
    let midnight = format!("{value}T00:00:00Z");
    record::parse_time(value)
        .or_else(|problem| record::parse_time(&midnight).map_err(|_| problem))
        .map(Operand::Time)
        .map_err(|problem| {
            format!("`{value}` is not a valid time: {problem}; write 2026-11-21T08:15:30Z or 2026-11-21, or use --since and --until")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::record;
    use super::*;
    use crate::record::Record;

    fn matches(term: &str) -> bool {
        matches_record(term, &record())
    }

    fn matches_record(term: &str, record: &Record) -> bool {
        answer_for(term, &record.to_line()) == Answer::Matches
    }

    fn answer_for(term: &str, line: &[u8]) -> Answer {
        let raw = RawRecord::at(line).unwrap();
        term.parse::<Term>().unwrap().answer(&raw)
    }

    #[test]
    fn a_dotted_name_is_looked_up_from_the_record_to_the_root() {
        let head = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":1"#;
        for rest in [
            r#","properties":{"a":{"b":1}},"spans":[{"name":"s","properties":{"a.b":2}}]}"#,
            r#","properties":{"a.b":1},"spans":[{"name":"s","properties":{"a":{"b":2}}}]}"#,
            r#","properties":{"a":{"b":2},"a.b":1}}"#,
            r#","spans":[{"name":"r","properties":{"a.b":2}},{"name":"l","properties":{"a":{"b":1}}}]}"#,
            r#","spans":[{"name":"r","properties":{"a.b":2}},{"name":"l","properties":{"a.b":1}}]}"#,
        ] {
            let line = format!("{head}{rest}");
            for (term, expected) in [
                ("a.b=1", Answer::Matches),
                ("a.b=2", Answer::Fails),
                ("a.b!=1", Answer::Fails),
                ("a.b>1", Answer::Fails),
            ] {
                assert_eq!(answer_for(term, line.as_bytes()), expected, "{term} {line}");
            }
        }
    }

    #[test]
    fn terms_that_match() {
        for term in [
            "command=list",
            "command!=get",
            "duration=871",
            "duration=871.0",
            "duration>870",
            "duration>=871",
            "duration<871.5",
            "duration<=871",
            "duration!=5",
            "duration!=abc",
            "ratio=0.5",
            "ratio<1",
            "big=18446744073709551615",
            "big>18446744073709551614",
            "text=12",
            "text=12.0",
            "text!=13",
            "text>1",
            "text<=12",
            "ok=true",
            "ok!=false",
            "none=null",
            "none!=1",
            "a.b=literal",
            "nested.deep.er=3",
            "nested.list.0=1",
            "nested~\"er\":3",
            "nested!=x",
            "command~^li",
            "command!~^x",
            "duration~^8",
            "level=warn",
            "level>=WARN",
            "level<error",
            "level!=info",
            "properties.level=mine",
            "properties.command=list",
            "timestamp>2026-11-21",
            "timestamp<2026-11-21T09:15:31+01:00",
            "timestamp=2026-11-21T08:15:30.5Z",
            "source=ticloud",
            "target~net$",
            "event=command",
            "message~three",
            "session~^01936f0e",
            "seq=12",
            "seq>11",
            "user=leaf",
            "id=1",
            "message=Listed three projects",
        ] {
            assert!(matches(term), "{term}");
        }
    }

    #[test]
    fn terms_that_do_not_match() {
        for term in [
            "command=lis",
            "command!=list",
            "duration=872",
            "duration=\"871\"",
            "duration>871",
            "text>12",
            "text!=12.0",
            "ok=1",
            "ok>0",
            "none=",
            "nested=x",
            "nested.deep=3",
            "nested.list.9=1",
            "level=info",
            "level>warn",
            "seq<12",
            "user=root",
            "id=7",
        ] {
            assert!(!matches(term), "{term}");
        }
    }

    #[test]
    fn a_missing_key_never_matches() {
        for operator in ["=", "!=", ">", ">=", "<", "<="] {
            assert!(!matches(&format!("absent{operator}1")), "{operator}");
        }
        assert!(!matches("absent~.") && !matches("absent!~x") && !matches("nested.absent!=1"));
        let mut bare = record();
        bare.event = None;
        assert!(!matches_record("event!=x", &bare));
    }

    #[test]
    fn an_invalid_condition_is_refused_with_the_valid_forms() {
        for (text, expected) in [
            ("", "write key=value"),
            ("word", "write key=value"),
            ("key!", "write key=value"),
            ("=x", "has no key"),
            (" >1", "has no key"),
            ("a==b", "write `a=b`"),
            ("a>b", "`b` is not a number"),
            ("a>", "compares numbers"),
            ("a~(", "not a regular expression"),
            ("level=loud", "not one of trace"),
            ("timestamp>soon", "is not a valid time"),
        ] {
            let message = text.parse::<Term>().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    /// Returns a line with the property `x`.
    fn line_with(json: &str) -> String {
        let head = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":1"#;
        format!(r#"{head},"properties":{{"x":{json}}}}}"#)
    }

    fn answer(term: &str, json: &str) -> Answer {
        answer_for(term, line_with(json).as_bytes())
    }

    #[test]
    fn a_text_that_is_a_number_is_compared_as_the_number() {
        for (term, json) in [
            ("x>=1", "\"1.10\""),
            ("x=1.1", "\"1.10\""),
            ("x=1.10", "1.1"),
            ("x<1.2", "\"1.10\""),
            ("x>1", "\".50e1\""),
            ("x=5", "\"+5\""),
            ("x>8", "\"09\""),
            ("x=12", "\"      12\""),
            ("x>18446744073709551615", "\"18446744073709551616\""),
            ("x!=18446744073709551617", "\"18446744073709551616\""),
            ("x=9007199254740993", "9007199254740993"),
            ("x!=9007199254740992", "9007199254740993"),
            ("x>9007199254740992.5", "9007199254740993"),
            ("x<0.3", "0.1"),
            ("x>0.3", "0.30000000000000004"),
            ("x=1e3", "1000"),
            ("x~^1\\.10$", "\"1.10\""),
            ("x!~^1\\.1$", "\"1.10\""),
        ] {
            assert_eq!(answer(term, json), Answer::Matches, "{term} {json}");
        }
    }

    #[test]
    fn a_value_without_an_order_differs_from_one_out_of_range() {
        for json in [
            "\"abc\"",
            "\"1.2.3\"",
            "\"\"",
            "true",
            "null",
            "[1]",
            "{\"y\":1}",
        ] {
            for operator in [">", ">=", "<", "<="] {
                let term = format!("x{operator}1");
                assert_eq!(answer(&term, json), Answer::OtherType, "{term} {json}");
            }
            assert_eq!(answer("x=1", json), Answer::Fails, "{json}");
            assert_eq!(answer("x!=1", json), Answer::Matches, "{json}");
        }
        assert_eq!(answer("x>1", "1"), Answer::Fails);
        assert_eq!(answer("y>1", "true"), Answer::Fails);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_value_is_compared_as_it_is_once_it_was_parsed(
            json in prop_oneof![
                "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,15})?",
                "-?[0-9](\\.[0-9]{1,4})?[eE][+-]?[0-9]{1,2}",
                "\"[+-]?[0-9]{0,22}(\\.[0-9]{0,4})?(e-?[0-9]{1,3})?\"",
                Just("true".to_owned()),
                Just("\"a\\\\b\"".to_owned()),
                Just("[1,{}]".to_owned()),
            ],
            operator in prop::sample::select(vec!["=", "!=", ">", ">=", "<", "<=", "~", "!~"]),
            bound in "(0|[1-9][0-9]{0,22})(\\.[0-9]{1,4})?",
            is_same: bool,
        ) {
            let bound = match json.trim_matches('"') {
                own if is_same && NumberBound::parse(own).is_some() => own.trim_start_matches('+').to_owned(),
                _ => bound,
            };
            let term = format!("x{operator}{bound}");
            let line = line_with(&json);
            let parsed = Record::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(
                answer_for(&term, line.as_bytes()),
                answer_for(&term, &parsed.to_line()),
                "{:?} {}", term, line
            );
        }
    }

    #[test]
    fn a_value_may_contain_operators_and_a_key_dots() {
        let mut record = record();
        record.properties.set("q", "a=b>c~d");
        assert!(matches_record("q=a=b>c~d", &record));
    }
}
