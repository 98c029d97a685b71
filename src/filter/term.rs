//! A condition on the values of a record, such as `key=value`, `duration>100` or `path~^/home`.
//!
//! A key is looked up first among the record's own parts
//! (`timestamp level source target event message session seq span`), then among its properties by
//! its whole name, then along its dots into nested objects, then in the same way among the
//! properties of its spans, from the leaf to the root, and then behind the name of a span and a
//! dot. `properties.key` selects a property that has the name of such a part. A key that is not
//! found never matches, whatever the comparison, `!=` and `!~` included: a query about a key does
//! not concern records without it, and [`Term::lacks`] selects those.
//!
//! A text that is a number is compared as a number: whether a value is a text or a number depends
//! on the recording program, and `1.10` is a text where `1.1` is a number. For keys of versions
//! that would be wrong, so their values are compared as versions.

use std::fmt;
use std::str::FromStr;

use regex::Regex;

use super::key::TermKey;
use super::syntax::{Operator, Relation, TypedKey, TypedTerm};
use super::value::{FoundValue, Operand, TermValue};
use super::{OrderedType, not_a_regex};
use crate::error::Error;
use crate::record::raw::{RawRecord, RawValue};

/// A condition on the values of a record.
///
/// * `key=value`, `key!=value`: a string is compared with the text, a number with the number, and
///   `true`, `false` and `null` with the word. With commas, as in `status=500,502`, the value is
///   one of these values, or with `!=` none of them; a value that equals the whole text, commas
///   included, counts as well.
/// * `key>10`, `key>=10`, `key<10`, `key<=10`: for numbers and versions; for `level` between
///   levels, for `timestamp` between times. A record whose value is of another type does not match;
///   `localtel show` prints the number of such records on stderr.
/// * `key~regex`, `key!~regex`: the expression matches, or does not match, a part of the value as
///   written; matching is case-sensitive.
/// * [`Term::has`] and [`Term::lacks`]: the record has the key, or does not have it.
///
/// # Keys
///
/// A key is one of the record's own (`timestamp level source target event message session seq`),
/// the name of a property of the record, a path into a nested value (`os.kernel`, `hosts.0`), or
/// the name of a property of a span, alone (`tenant`) or behind the name of the span
/// (`request.tenant`). `span` is the name of any of the spans that the record is inside of.
/// `properties.level` is the property that is called `level`.
///
/// A comparison with `pid` also matches all records of the sessions that a process with such an id
/// recorded, if the filter knows them ([`Filter::process_search`]). `properties.pid` is only the
/// property.
///
/// [`Filter::process_search`]: crate::read::Filter::process_search
///
/// A record without the key never matches, not even with `!=`.
///
/// # Comparisons
///
/// * A string that is a decimal number, such as `1.10`, `007`, `+5`, `.5` or `1e3`, is compared as
///   that number. Numbers are compared exactly, however many digits they have.
/// * The values of keys that are `version`, or end in it (`app_version`, `appVersion`), are
///   compared as versions, also if they are numbers: `1.9` < `1.10-rc.1` < `1.10`, `v1.10` and
///   `1.10.0` equal `1.10`, and `1.1` does not.
/// * Operands of keys that are `duration` or end in `_ms` (in milliseconds) or in `_us` (in
///   microseconds) may have a unit: `duration>1.5s`, with `ns`, `us`, `ms`, `s`, `m` or `h`.
/// * A list matches if one of its elements does, or the list as JSON: `flags=debug` matches
///   `["debug","x"]`, and `flags!=debug` does not. The elements of lists in lists are not compared.
///
/// # Quotes
///
/// Blanks around the key and the value are left out. A key or a value may be in double quotes, as
/// `localtel show` prints it: `"a=b"=x`, `user="Ada L."`. A value in quotes is compared as text:
/// `size="1.10"` matches the string `1.10` and not `1.1`. Regular expressions have no quotes.
///
/// ```
/// use localtel::read::{Filter, Term};
///
/// let slow_or_failed = Filter::new()
///     .term("status=500,502".parse()?)
///     .term("duration>1.5s".parse()?)
///     .term(Term::lacks("retry")?);
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Term {
    key: TermKey,
    test: Test,
    /// The condition as it was typed.
    typed: String,
}

/// The comparison with a value.
#[derive(Debug, Clone)]
enum Test {
    /// Equal to one of the operands (or to none, if `answer` is false).
    Equal { wanted: Vec<Operand>, answer: bool },
    /// In that order relation to a number, a version, a level or a time.
    Ordered { relation: Relation, bound: Operand },
    /// Matched, or not matched, by a regular expression.
    Search { regex: Regex, answer: bool },
    /// In the record, or not.
    Present { answer: bool },
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
    /// Returns the condition that a record has a key, whatever its value, `null` included.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not valid.
    pub fn has(key: &str) -> Result<Self, Error> {
        Self::present(key, true)
    }

    /// Returns the condition that a record does not have a key.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not valid.
    pub fn lacks(key: &str) -> Result<Self, Error> {
        Self::present(key, false)
    }

    fn present(key: &str, answer: bool) -> Result<Self, Error> {
        let typed = TypedKey::parse(key).map_err(invalid)?;
        Ok(Self {
            key: TermKey::new(&typed),
            test: Test::Present { answer },
            typed: key.trim().to_owned(),
        })
    }

    /// Returns the key as written in the condition, without quotes and without a leading
    /// `properties.`.
    pub fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Returns `true` if this is a condition of equality, `key=value`.
    pub fn is_equality(&self) -> bool {
        match self.test {
            Test::Equal { answer, .. } => answer,
            Test::Ordered { .. } | Test::Search { .. } | Test::Present { .. } => false,
        }
    }

    /// Returns the values of the key in a record: the elements of a list, the names of the spans
    /// for `span`, none if the record does not have the key, and otherwise one.
    pub fn values_in<'a>(&self, raw: &RawRecord<'a>) -> Vec<RawValue<'a>> {
        let found = self.key.find(raw);
        found.map(TermValue::into_values).unwrap_or_default()
    }

    /// Returns the type of the values that a condition of order compares.
    pub(super) fn ordered_type(&self) -> OrderedType {
        self.key.ordered_type()
    }

    /// Returns `true` if it compares the process id, and selects the records of processes.
    pub(super) fn is_of_process(&self) -> bool {
        let compares = match self.test {
            Test::Equal { .. } | Test::Ordered { .. } | Test::Search { .. } => true,
            Test::Present { .. } => false,
        };
        compares && self.key == TermKey::Pid
    }

    /// Returns `true` if the condition matches that process id.
    pub(super) fn matches_pid(&self, pid: Option<u32>) -> bool {
        let pid = pid.map(|pid| RawValue::Number(pid.to_string().into()));
        let found = pid.map(|pid| TermValue::Value(FoundValue::Json(pid)));
        self.test.answer(found.as_ref()) == Answer::Matches
    }

    /// Returns the result of the condition for a record.
    pub(super) fn answer(&self, raw: &RawRecord<'_>) -> Answer {
        self.test.answer(self.key.find(raw).as_ref())
    }
}

impl fmt::Display for Term {
    /// Writes the condition as it was typed; for [`Term::has`] and [`Term::lacks`] the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl Test {
    fn answer(&self, found: Option<&TermValue<'_>>) -> Answer {
        let is_so = match (self, found) {
            (Self::Present { answer }, found) => found.is_some() == *answer,
            (Self::Equal { .. } | Self::Ordered { .. } | Self::Search { .. }, None) => false,
            (Self::Equal { wanted, answer }, Some(found)) => {
                found.any(|value| wanted.iter().any(|wanted| value.equals(wanted))) == *answer
            }
            (Self::Ordered { relation, bound }, Some(found)) => {
                let mut has_order = false;
                let is_in = found.any(|value| {
                    let ordering = value.compare(bound);
                    has_order |= ordering.is_some();
                    ordering.is_some_and(|ordering| relation.allows(ordering))
                });
                if !has_order {
                    return Answer::OtherType;
                }
                is_in
            }
            (Self::Search { regex, answer }, Some(found)) => {
                found.any(|value| regex.is_match(&value.to_text())) == *answer
            }
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
        let term = TypedTerm::parse(text).map_err(invalid)?;
        let key = TermKey::new(&term.key);
        let test = match term.operator {
            Operator::Equality { answer } => Test::Equal {
                wanted: key.operands(term.value).map_err(invalid)?,
                answer,
            },
            Operator::Search { answer } => Test::Search {
                regex: Regex::new(term.value).map_err(|error| not_a_regex("filter", &error))?,
                answer,
            },
            Operator::Order(relation) => Test::Ordered {
                relation,
                bound: key.bound(term.sign, term.value).map_err(invalid)?,
            },
        };
        let typed = text.trim().to_owned();
        Ok(Self { key, test, typed })
    }
}

fn invalid(reason: String) -> Error {
    Error::invalid("filter", reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::number::NumberBound;
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
            "none!=null,x",
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
            ("a == b", "write `a=b`"),
            ("a>b", "`b` is not a number"),
            ("a>1,2", "`1,2` is not a number"),
            ("a>", "compares numbers"),
            (
                "a>1s",
                "the unit of `a` is not known; it is known of keys that are `duration` or end in `_ms`",
            ),
            ("a>1s", "such as `a>1`"),
            (
                "duration>ten",
                "`duration` is in milliseconds: write `duration>1000`",
            ),
            (
                "wait_us>=1d",
                "`wait_us` is in microseconds: write `wait_us>=1000`",
            ),
            (
                "version>latest",
                "`latest` is not a version such as `1.10.0`",
            ),
            ("a~(", "not a regular expression"),
            ("level=loud", "not one of trace"),
            ("level=warn,loud", "`loud` is not one of trace"),
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
            "[]",
            "[\"a\",[1]]",
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

    fn check_answers(json: &str, matching: &[&str], failing: &[&str]) {
        for term in matching {
            assert_eq!(answer(term, json), Answer::Matches, "{term} {json}");
        }
        for term in failing {
            assert_eq!(answer(term, json), Answer::Fails, "{term} {json}");
        }
    }

    #[test]
    fn one_of_several_values_is_enough() {
        check_answers(
            "500",
            &[
                "x=500",
                "x=499,500",
                "x=500 , 502",
                "x!=501,502",
                "x=,500",
                "x=5e2,x",
            ],
            &[
                "x=501,502",
                "x!=500",
                "x!=501,500",
                "x!=501, 500",
                "x=5,00",
                "x=\"500\"",
            ],
        );
        check_answers(
            "\"500,502\"",
            &[
                "x=500,502",
                "x=\"500,502\"",
                "x=a,\"500,502\"",
                "x!=500",
                "x!=\"500\",\"502\"",
            ],
            &["x!=500,502", "x=500", "x!=\"500,502\"", "x=500, 502"],
        );
        check_answers("\"a\"", &["x=\"a\"", "x=\"a\",b", "x=b,a"], &["x!=a,b"]);
        check_answers("\"\"", &["x=", "x=\"\"", "x=a,\"\""], &["x=a,", "x=,"]);
        assert!(matches("level=info,warn") && !matches("level!=info,warn"));
        assert!(matches("timestamp=2026-11-20,2026-11-21T08:15:30.5Z"));
    }

    #[test]
    fn blanks_around_a_value_do_not_count_but_in_quotes() {
        check_answers(
            "\"acme inc\"",
            &[
                "x = acme inc",
                "x =acme inc ",
                "x ~ ^acme",
                "x = \"acme inc\"",
            ],
            &["x = \" acme inc\"", "x != acme inc"],
        );
        check_answers("\" acme\"", &["x=\" acme\"", "x!=acme"], &["x= acme"]);
        check_answers("\"\\\"a\\\"\"", &["x=\"a\"", r#"x="\"a\"""#], &["x=a"]);
    }

    #[test]
    fn a_value_in_quotes_is_a_text() {
        check_answers(
            "\"1.10\"",
            &["x=\"1.10\"", "x=1.1"],
            &["x=\"1.1\"", "x!=1.1"],
        );
        check_answers("871", &["x>\"870\""], &["x=\"871\""]);
    }

    #[test]
    fn one_element_of_a_list_is_enough() {
        check_answers(
            r#"["debug","x",7,null,["deep"],{"a":1}]"#,
            &[
                "x=debug",
                "x=no,debug",
                "x=7",
                "x=7.0",
                "x=null",
                r#"x=["deep"]"#,
                r#"x={"a":1}"#,
                "x!=deep",
                "x!=no",
                "x>6",
                "x<8",
                "x~^debug$",
                "x~\\[\"deep\"",
                "x!~^deep",
                "x.0=debug",
            ],
            &[
                "x!=debug", "x!=x", "x!=no,x", "x=no", "x>7", "x!~^x$", "x~^no",
            ],
        );
        check_answers(r#"["a",1]"#, &[r#"x=["a",1]"#, "x=b,a"], &[r#"x!=["a",1]"#]);
        check_answers("[]", &["x=[]", "x!=a"], &["x=a", "x!=[]"]);
        check_answers(r#"{"a":[1.0]}"#, &[r#"x={"a":[1.0]}"#, "x.a=1"], &["x=a"]);
    }

    #[test]
    fn a_unit_is_converted_to_that_of_the_key() {
        let line = line_with(r#"{"duration":1500,"wait_us":1500,"seconds":"1s"}"#);
        for term in [
            "x.duration>1s",
            "x.duration=1.5s",
            "x.duration=1s,1.5s",
            "x.duration!=1s",
            "x.duration<=0.025min",
            "x.wait_us=1.5ms",
            "x.wait_us>1400µs",
            "x.seconds=1s",
            "x.duration>1499",
        ] {
            assert_eq!(answer_for(term, line.as_bytes()), Answer::Matches, "{term}");
        }
        assert_eq!(
            answer_for("x.duration>1.5s", line.as_bytes()),
            Answer::Fails
        );
        assert!(matches("duration<1s") && matches("duration>=871ms"));
    }

    #[test]
    fn versions_are_compared_in_their_order() {
        for (json, matching, failing) in [
            (
                "\"1.10\"",
                &[
                    "x.version>1.9",
                    "x.version=1.10",
                    "x.version=1.10.0",
                    "x.version!=1.1",
                ],
                &[
                    "x.version=1.1",
                    "x.version<1.9",
                    "x.version!=v1.10",
                    "x.version=1,2",
                ],
            ),
            (
                "1.9",
                &[
                    "x.version<1.10",
                    "x.version=1.9",
                    "x.version>1.8.7",
                    "x.version~^1",
                ],
                &[
                    "x.version>1.10",
                    "x.version=1.90",
                    "x.version!=1.9",
                    "x.version>=2",
                ],
            ),
            (
                "\"1.10.0-rc.1\"",
                &[
                    "x.version<1.10.0",
                    "x.version>=1.10.0-rc.1",
                    "x.version>1.9",
                    "x.version!=1.10.0",
                ],
                &[
                    "x.version=1.10",
                    "x.version>1.10",
                    "x.version<1.9",
                    "x.version>1.10.0-rc.2",
                ],
            ),
        ] {
            let line = line_with(&format!("{{\"version\":{json}}}"));
            for (terms, expected) in [(matching, Answer::Matches), (failing, Answer::Fails)] {
                for term in terms {
                    assert_eq!(answer_for(term, line.as_bytes()), expected, "{term} {json}");
                }
            }
        }
        let line = line_with(r#"{"version":"latest"}"#);
        let answer = |term| answer_for(term, line.as_bytes());
        assert_eq!(answer("x.version>1"), Answer::OtherType);
        assert_eq!(answer("x.version=latest"), Answer::Matches);
    }

    #[test]
    fn span_is_the_name_of_any_span() {
        let with_spans = |names: &[&str]| {
            let mut record = record();
            let template = record.spans[0].clone();
            record.spans.clear();
            for name in names {
                let mut span = template.clone();
                (*name).clone_into(&mut span.name);
                record.spans.push(span);
            }
            record.properties.set("span", "own");
            record
        };
        let inside = with_spans(&["root", "leaf"]);
        for term in [
            "span=root",
            "span=leaf",
            "span=x,leaf",
            "span!=x",
            "span~^r",
            "span!~x",
        ] {
            assert!(matches_record(term, &inside), "{term}");
        }
        for term in [
            "span=own",
            "span!=root",
            "span!~^l",
            "span=x",
            "properties.span=root",
        ] {
            assert!(!matches_record(term, &inside), "{term}");
        }
        assert!(matches_record("properties.span=own", &inside));
        let outside = with_spans(&[]);
        assert!(!matches_record("span!=root", &outside));
    }

    #[test]
    fn a_key_may_follow_the_name_of_its_span() {
        let head = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":1"#;
        let line = format!(
            r#"{head},"properties":{{"a=b":1,"c":{{"x":1}}}},"spans":[{{"name":"req","properties":{{"tenant":"a","os":{{"k":6}}}}}},{{"name":"req","properties":{{"tenant":"b"}}}},{{"name":"c","properties":{{"x":2,"y":3,"a b":4}}}},{{"name":"a b","properties":{{"z":5}}}}]}}"#
        );
        for term in [
            "req.tenant=b",
            "req.os.k=6",
            "c.x=1",
            "c.y=3",
            "c.\"a b\"=4",
            "\"a b\".z=5",
            "\"a=b\"=1",
            "properties.\"a=b\"=1",
        ] {
            assert_eq!(answer_for(term, line.as_bytes()), Answer::Matches, "{term}");
        }
        for term in ["req.tenant=a", "c.x=2", "req.x=2", "re.tenant=b", "req.=b"] {
            assert_eq!(answer_for(term, line.as_bytes()), Answer::Fails, "{term}");
        }
    }

    #[test]
    fn records_are_selected_by_the_keys_that_they_have() {
        let mut record = record();
        record.event = None;
        let line = record.to_line();
        let raw = RawRecord::at(&line).unwrap();
        for (key, is_there) in [
            ("duration", true),
            ("none", true),
            ("nested.deep", true),
            ("nested.list.0", true),
            ("root.id", true),
            ("user", true),
            ("span", true),
            ("level", true),
            ("\"a.b\"", true),
            ("event", false),
            ("absent", false),
            ("nested.list.1", false),
        ] {
            let answers = [Term::has(key), Term::lacks(key)].map(|term| term.unwrap().answer(&raw));
            let expected = if is_there {
                [Answer::Matches, Answer::Fails]
            } else {
                [Answer::Fails, Answer::Matches]
            };
            assert_eq!(answers, expected, "{key}");
        }
        for key in ["", " ", "a=b", ".a", "a>"] {
            assert!(Term::has(key).is_err(), "{key}");
        }
    }

    #[test]
    fn the_values_of_a_key_are_those_that_are_compared() {
        let values = |term: &str, json: &str| {
            let line = line_with(json);
            let raw = RawRecord::at(line.as_bytes()).unwrap();
            let values = term.parse::<Term>().unwrap().values_in(&raw);
            let texts = values.iter().map(|value| value.to_text().into_owned());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(values("x=1", "\"a\""), ["a"]);
        assert_eq!(values("x=1", "[1,\"a\"]"), ["1", "a"]);
        assert_eq!(values("x=1", "[]"), ["[]"]);
        assert_eq!(values("y=1", "1"), [""; 0]);
        assert_eq!(values("level=warn", "1"), ["INFO"]);
        assert_eq!(values("seq=9", "1"), ["1"]);
    }

    #[test]
    fn a_value_may_contain_operators_and_a_key_dots() {
        let mut record = record();
        record.properties.set("q", "a=b>c~d");
        assert!(matches_record("q=a=b>c~d", &record));
    }
}
