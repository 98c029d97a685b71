//! The search for a regular expression in the texts and values of a record.

use regex::{Regex, RegexBuilder, bytes};

use super::not_a_regex;
use crate::error::Result;
use crate::record::raw::{Object, RawJson, RawRecord, RawText};

/// A regular expression that is searched for in a record.
#[derive(Debug, Clone)]
pub(super) struct Grep {
    regex: Regex,
    /// The same for whole lines. `None` if a match may depend on the text around it: then the
    /// expression can match in a part of a line and not in the line.
    in_line: Option<bytes::Regex>,
}

impl Grep {
    /// Compiles a pattern, which ignores case if it has no upper-case letter.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        let ignores_case = !has_upper_case(pattern);
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(ignores_case)
            .build();
        let in_line = bytes::RegexBuilder::new(pattern)
            .case_insensitive(ignores_case)
            .build();
        Ok(Self {
            regex: regex.map_err(|error| not_a_regex("grep", &error))?,
            in_line: in_line.ok().filter(|_| !may_look_around(pattern)),
        })
    }

    /// Returns `true` if the expression matches in the message, the event, the target or a value.
    /// Most lines have no match, and searching the whole line shows it in one pass, but for the
    /// texts and values that parsing changes.
    pub(super) fn matches(&self, raw: &RawRecord<'_>) -> bool {
        let in_line = self.in_line.as_ref();
        let is_in_line = in_line.is_none_or(|in_line| in_line.is_match(raw.line));
        if !is_in_line && (raw.is_verbatim || !self.is_in_changed(raw)) {
            return false;
        }
        let mut values = raw.objects().flat_map(Object::raw_members);
        texts(raw).any(|text| self.is_in_text(text)) || values.any(|(_, json)| self.is_in(json))
    }

    /// Returns `true` if the expression matches in a text or a value that parsing may change. The
    /// value may be one that a later value of the same name replaces.
    fn is_in_changed(&self, raw: &RawRecord<'_>) -> bool {
        let mut values = raw.objects().flat_map(Object::walk);
        texts(raw).any(|text| !text.is_plain() && self.is_in_text(text))
            || values.any(|(_, json)| !json.is_verbatim() && self.is_in(json))
    }

    fn is_in_text(&self, text: RawText<'_>) -> bool {
        self.regex.is_match(&text.decoded())
    }

    fn is_in(&self, json: RawJson<'_>) -> bool {
        self.regex.is_match(&json.value().to_text())
    }
}

fn texts<'a>(raw: &RawRecord<'a>) -> impl Iterator<Item = RawText<'a>> {
    let texts = [raw.message, raw.event, Some(raw.target)];
    texts.into_iter().flatten()
}

/// Returns `true` if a pattern contains a literal upper-case letter: that of `\W` does not count.
fn has_upper_case(pattern: &str) -> bool {
    letters(pattern).any(|(letter, is_escaped)| letter.is_uppercase() && !is_escaped)
}

/// Returns `true` unless a pattern certainly has no assertion about the text before or after a
/// match, such as `^`, `$` or `\b`.
fn may_look_around(pattern: &str) -> bool {
    letters(pattern).any(|(letter, is_escaped)| match letter {
        '^' | '$' => !is_escaped,
        'A' | 'B' | 'b' | 'z' | '<' | '>' => is_escaped,
        _ => false,
    })
}

/// Returns the characters of a pattern, each with `true` if it is escaped.
fn letters(pattern: &str) -> impl Iterator<Item = (char, bool)> {
    let mut is_next_escaped = false;
    pattern.chars().map(move |letter| {
        let is_escaped = is_next_escaped;
        is_next_escaped = letter == '\\' && !is_escaped;
        (letter, is_escaped)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Record;
    use crate::record::raw::RawValue;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"WARN","source":"ticloud","target":"app::net","event":"command","message":"TEXT","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"list","a":NUMBER,"b":VALUE,"a":1,"TEXT":"TEXT"},"spans":[{"name":"root","properties":{"id":NUMBER}},{"name":"leaf","properties":{"user":"TEXT","id":VALUE}}]}"#;

    /// Returns the texts and values that are searched, after parsing.
    fn parsed_texts(line: &str) -> Vec<String> {
        let record = Record::parse(line.as_bytes()).unwrap();
        let of_spans = record.spans.iter().map(|span| &span.properties);
        let objects = std::iter::once(&record.properties).chain(of_spans);
        let values = objects.flat_map(|properties| properties.iter().map(|(_, value)| value));
        let values = values.map(|value| RawValue::of_value(value.clone()).to_text().into_owned());
        let texts = [record.message.clone(), record.event.clone()];
        let texts = texts.into_iter().flatten().chain([record.target.clone()]);
        texts.chain(values).collect()
    }

    /// Searches the texts and values one by one.
    fn matches_slowly(pattern: &str, line: &str) -> bool {
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(!has_upper_case(pattern))
            .build()
            .unwrap();
        parsed_texts(line).iter().any(|text| regex.is_match(text))
    }

    fn matches(pattern: &str, line: &str) -> bool {
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        Grep::new(pattern).unwrap().matches(&raw)
    }

    #[test]
    fn only_the_texts_and_last_values_are_searched() {
        let line = with("two words", "0.5", "7.50");
        for (pattern, expected) in [
            ("words", true),
            ("WORDS", false),
            ("WARN|ticloud|root|01936f0e|seq|user", false),
            ("0.5", true),
            ("^7.5$", true),
            ("7.50", false),
            ("^two", true),
            ("two$", false),
            (r"\Bwords", false),
            (r"\<net\>", true),
            (r"wo[^a]ds", true),
            ("\"", false),
            ("", true),
        ] {
            assert_eq!(matches(pattern, &line), expected, "{pattern}");
            assert_eq!(matches_slowly(pattern, &line), expected, "{pattern}");
        }
    }

    #[test]
    fn a_value_that_parsing_changes_is_searched_as_after_parsing() {
        for (value, pattern) in [
            ("1E2", "100"),
            ("0.0000001", "1e-7"),
            ("123456789012345678901", "e\\+20"),
            ("[1E2]", "100"),
            (r#"{"a":1,"a":2}"#, r#"\{"a":2"#),
            (r#""\u0041""#, "A"),
            (r#"["\/x"]"#, "\"/x"),
        ] {
            for line in [with("x", value, "1"), with("x", "1", value)] {
                assert!(matches(pattern, &line), "{pattern} {line}");
                assert!(!matches(pattern, &with("x", "1", "1")), "{pattern}");
            }
        }
    }

    #[test]
    fn an_assertion_in_a_pattern_is_recognised() {
        for pattern in [
            "^a", "a$", r"a\b", r"\Ba", r"\Aa", r"a\z", r"\<a", r"a\>", r"\\^",
        ] {
            assert!(may_look_around(pattern), "{pattern}");
        }
        for pattern in [
            "a",
            r"\^a\$",
            r"a\\b",
            r"\d+\.\w*",
            "(?i)a|b",
            "[a-z<>]",
            "AB<z>",
        ] {
            assert!(!may_look_around(pattern), "{pattern}");
        }
    }

    fn with(text: &str, number: &str, value: &str) -> String {
        let line = LINE.replace("TEXT", text).replace("NUMBER", number);
        line.replace("VALUE", value)
    }

    fn any_pattern() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-cK0-5.,:{}\"+e\u{e9}-]{1,3}".prop_map(|text| regex::escape(&text)),
            r#"(\^|\\b|\\B|\\A|\(\?i\))?([a-ck0-5]|\[\^a\]|\\d|\\W|.|\\\\|\\n|\\"|e\+|k){1,4}(\$|\\z|\\b|\*|\{2\})?"#,
        ]
    }

    fn any_line() -> impl Strategy<Value = String> {
        let text = r#"([a-cK0-5., :\u{e9}\u{212a}]|\\u00(41|1b|e9)|\\/|\\n|\\"){0,4}"#;
        let number = prop_oneof![
            Just("1".to_owned()),
            "-?(0|[1-9][0-9]{0,25})",
            "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,12}",
            "-?0\\.0{0,8}[0-9]{1,12}",
            "-?[0-9][eE][+-]?[0-9]{1,2}",
        ];
        let value = prop_oneof![
            number.clone(),
            prop::sample::select(vec![
                "true",
                "null",
                r#""b""#,
                "[]",
                r#"[1.0,"a"]"#,
                r#"{"b":1,"a":[5e-1]}"#,
                r#"{"a":1,"a":2}"#,
                r#"{"\u0061":"\u00e9"}"#,
                r#"["a\/b"]"#,
            ])
            .prop_map(str::to_owned),
        ];
        (text, number, value).prop_map(|(text, number, value)| with(&text, &number, &value))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn searching_the_line_finds_what_searching_values_finds(
            line in any_line(),
            pattern in any_pattern(),
            (at, length) in (0..100_usize, 1..6_usize),
        ) {
            let of_values = parsed_texts(&line).join("").repeat(2);
            let cut: String = of_values.chars().skip(at).take(length).collect();
            for pattern in [pattern, regex::escape(&cut)] {
                prop_assume!(Grep::new(&pattern).is_ok());
                prop_assert_eq!(
                    matches(&pattern, &line),
                    matches_slowly(&pattern, &line),
                    "{} {}", pattern, line
                );
            }
        }
    }
}
