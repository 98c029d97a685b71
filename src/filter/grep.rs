//! The search for a regular expression in the texts of a record, as a row shows them: message,
//! event, target, source, level, the names of spans, and `key=value` of each property.

use regex::{Regex, RegexBuilder, bytes};

use super::not_a_regex;
use crate::error::Result;
use crate::record::raw::{Object, RawJson, RawRecord, RawText};

/// A regular expression that is searched for in a record.
#[derive(Debug, Clone)]
pub(super) struct Grep {
    regex: Regex,
    /// An expression that matches in each line in which `regex` matches a text that parsing does
    /// not change. `None` if there is none: a match may depend on the text around it, and then the
    /// expression can match in a part of a line and not in the line.
    in_line: Option<bytes::Regex>,
    pairs: PairSearch,
}

/// The search in `key=value`, besides that in the value alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PairSearch {
    /// A match has no `=`, and so is in the key or in the value.
    Key,
    /// A match may be anywhere in `key=value`.
    Whole,
    /// The same, and texts are also searched in the form `key="value"` in which rows may show them.
    WholeAndQuoted,
}

impl Grep {
    /// Compiles a pattern, which ignores case if it has no upper-case letter.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        let ignores_case = !has_upper_case(pattern);
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(ignores_case)
            .build();
        let in_line = line_pattern(pattern).filter(|_| !may_look_around(pattern));
        let pairs = match &in_line {
            _ if pattern.contains('"') => PairSearch::WholeAndQuoted,
            Some((_, PairSearch::Key)) => PairSearch::Key,
            Some((_, _)) | None => PairSearch::Whole,
        };
        let in_line = in_line.map(|(pattern, _)| {
            bytes::RegexBuilder::new(&pattern)
                .case_insensitive(ignores_case)
                .build()
        });
        Ok(Self {
            regex: regex.map_err(|error| not_a_regex("grep", &error))?,
            in_line: in_line.and_then(std::result::Result::ok),
            pairs,
        })
    }

    /// Returns `true` if the expression matches in a text or in a `key=value`. Most lines have no
    /// match, and searching the whole line shows it in one pass, but for the texts and values that
    /// parsing changes.
    pub(super) fn matches(&self, raw: &RawRecord<'_>) -> bool {
        let in_line = self.in_line.as_ref();
        let is_in_line = in_line.is_none_or(|in_line| in_line.is_match(raw.line));
        if !is_in_line && (raw.is_verbatim || !self.is_in_changed(raw)) {
            return false;
        }
        let pairs = || raw.objects().flat_map(Object::raw_members);
        let [message, event, target, source] = texts(raw);
        // Most matches are in the texts of the event and in values.
        [message, event, target]
            .into_iter()
            .flatten()
            .any(|text| self.is_in_text(text))
            || pairs().any(|(_, json)| self.is_in_value(json))
            || source.is_some_and(|text| self.is_in_text(text))
            || self.regex.is_match(raw.level.as_str())
            || raw.spans.iter().any(|(name, _)| self.is_in_text(name))
            || pairs().any(|(name, json)| self.is_in_pair(name, json))
    }

    /// Returns `true` if the expression matches in a text or a `key=value` that parsing may change.
    /// The value may be one that a later value of the same name replaces.
    fn is_in_changed(&self, raw: &RawRecord<'_>) -> bool {
        let names = raw.spans.iter().map(|(name, _)| name);
        let mut texts = texts(raw).into_iter().flatten().chain(names);
        let mut pairs = raw.objects().flat_map(Object::walk);
        texts.any(|text| !text.is_plain() && self.is_in_text(text))
            || pairs.any(|(name, json)| {
                let is_changed = !(name.is_plain() && json.is_verbatim());
                is_changed && (self.is_in_value(json) || self.is_in_pair(name, json))
            })
    }

    fn is_in_text(&self, text: RawText<'_>) -> bool {
        self.regex.is_match(&text.decoded())
    }

    fn is_in_value(&self, json: RawJson<'_>) -> bool {
        self.regex.is_match(&json.value().to_text())
    }

    /// Returns `true` if the expression matches in a `key=value` and not only in its value.
    fn is_in_pair(&self, name: RawText<'_>, json: RawJson<'_>) -> bool {
        let name = name.decoded();
        let value = json.value();
        let is_whole = || {
            self.regex
                .is_match(&[&*name, "=", &*value.to_text()].concat())
        };
        match self.pairs {
            PairSearch::Key => self.regex.is_match(&name),
            PairSearch::Whole => is_whole(),
            PairSearch::WholeAndQuoted => {
                let quoted = || [&*name, "=\"", &*value.to_text(), "\""].concat();
                is_whole() || (json.text().is_some() && self.regex.is_match(&quoted()))
            }
        }
    }
}

fn texts<'a>(raw: &RawRecord<'a>) -> [Option<RawText<'a>>; 4] {
    [raw.message, raw.event, Some(raw.target), Some(raw.source)]
}

/// Returns a pattern that matches in each line in which the given one matches a text or a
/// `key=value` that is `"key":value` or `"key":"value"` there: what may match the `=` may also
/// match that. Returns `None` if the pattern is too complicated for it.
fn line_pattern(pattern: &str) -> Option<(String, PairSearch)> {
    let is_verbose = |flags: &str| {
        let mut flags = flags
            .chars()
            .take_while(|flag| flag.is_alphabetic() || *flag == '-');
        flags.any(|flag| flag == 'x')
    };
    if pattern.split("(?").skip(1).any(is_verbose) {
        return None;
    }
    let mut in_line = String::with_capacity(pattern.len());
    let mut search = PairSearch::Key;
    let mut rest = pattern;
    while !rest.is_empty() {
        let (atom, behind) = rest.split_at_checked(atom_bytes(rest)?)?;
        rest = behind;
        if !may_match_equals_sign(atom) {
            in_line.push_str(atom);
            continue;
        }
        search = PairSearch::Whole;
        // Any number of any characters include the quotes and the colon.
        if atom == "." && behind.starts_with(['*', '+']) {
            in_line.push_str(atom);
        } else {
            in_line.extend(["(?:", atom, r#"|":"?)"#]);
        }
    }
    Some((in_line, search))
}

/// Returns the length of the first character, escape or class of a pattern.
fn atom_bytes(pattern: &str) -> Option<usize> {
    let mut letters = pattern.char_indices();
    match letters.next()?.1 {
        '\\' => match letters.next()? {
            (_, 'p' | 'P' | 'x' | 'u' | 'U') => {
                let braces = pattern.get(2..)?.starts_with('{');
                braces
                    .then(|| pattern.find('}'))
                    .flatten()
                    .map(|end| end + 1)
            }
            (at, letter) => Some(at + letter.len_utf8()),
        },
        '[' => {
            let mut depth = 1;
            while depth > 0 {
                match letters.next()?.1 {
                    '\\' => drop(letters.next()?),
                    '[' => depth += 1,
                    ']' => depth -= 1,
                    _ => {}
                }
            }
            Some(letters.offset())
        }
        letter => Some(letter.len_utf8()),
    }
}

/// Returns `true` unless a character, an escape or a class certainly does not match `=`.
fn may_match_equals_sign(atom: &str) -> bool {
    match atom {
        "=" | "." => true,
        atom if atom.starts_with(['\\', '[']) => {
            Regex::new(atom).map_or(true, |regex| regex.is_match("="))
        }
        _ => false,
    }
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

    /// Returns the texts that are searched, after parsing.
    fn parsed_texts(line: &str, pattern: &str) -> Vec<String> {
        let record = Record::parse(line.as_bytes()).unwrap();
        let mut texts = vec![record.target.clone(), record.source.clone()];
        texts.extend(
            [record.message.clone(), record.event.clone()]
                .into_iter()
                .flatten(),
        );
        texts.push(record.level.as_str().to_owned());
        texts.extend(record.spans.iter().map(|span| span.name.clone()));
        let of_spans = record.spans.iter().map(|span| &span.properties);
        for properties in std::iter::once(&record.properties).chain(of_spans) {
            for (name, value) in properties.iter() {
                let text = RawValue::of_value(value.clone()).to_text().into_owned();
                if value.is_string() && pattern.contains('"') {
                    texts.push(format!("{name}=\"{text}\""));
                }
                texts.push(format!("{name}={text}"));
                texts.push(text);
            }
        }
        texts
    }

    /// Searches the texts and values one by one.
    fn matches_slowly(pattern: &str, line: &str) -> bool {
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(!has_upper_case(pattern))
            .build()
            .unwrap();
        parsed_texts(line, pattern)
            .iter()
            .any(|text| regex.is_match(text))
    }

    fn matches(pattern: &str, line: &str) -> bool {
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        Grep::new(pattern).unwrap().matches(&raw)
    }

    #[test]
    fn only_what_rows_show_is_searched() {
        let line = with("two words", "0.5", "7.50");
        for (pattern, expected) in [
            ("words", true),
            ("WORDS", false),
            ("WARN", true),
            ("warn", true),
            ("ticloud", true),
            ("^root$", true),
            ("user", true),
            ("01936f0e|seq|2026|properties|message", false),
            ("level=|name=root|target=app", false),
            ("user=two words", true),
            ("user=\"two words\"", true),
            ("^user=two words$", true),
            ("user.two", true),
            (r"user\Wtwo", true),
            ("user[^a]two", true),
            ("user..two", false),
            ("id.0.5", true),
            ("id=0.5", true),
            ("a=1", true),
            ("a=0.5", false),
            ("^a=1$", true),
            ("b=7.5", true),
            ("0.5", true),
            ("^7.5$", true),
            ("7.50", false),
            ("^two", true),
            ("two$", false),
            (r"\Bwords", false),
            (r"\<net\>", true),
            (r"wo[^a]ds", true),
            ("\"", true),
            ("\"user", false),
            ("\",", false),
            ("", true),
        ] {
            assert_eq!(matches(pattern, &line), expected, "{pattern}");
            assert_eq!(matches_slowly(pattern, &line), expected, "{pattern}");
        }
    }

    #[test]
    fn texts_with_colons_at_their_ends_are_found_in_pairs() {
        for text in [":", ":a", "a:", "{", "a,", "[:", ":a:"] {
            let line = with(text, "1", "2");
            for pattern in [
                format!("{text}={text}"),
                format!("{text}=\"{text}\""),
                format!("user={text}"),
            ] {
                let pattern = regex::escape(&pattern);
                assert!(matches(&pattern, &line), "{pattern}");
                assert!(matches_slowly(&pattern, &line), "{pattern}");
            }
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
            (r#""\u0051""#, "Q"),
            (r#"["\/x"]"#, "\"/x"),
        ] {
            for line in [with("x", value, "1"), with("x", "1", value)] {
                assert!(matches(pattern, &line), "{pattern} {line}");
                assert!(!matches(pattern, &with("x", "1", "1")), "{pattern}");
            }
        }
    }

    #[test]
    fn what_may_match_an_equals_sign_may_match_its_form_in_a_line() {
        for (pattern, in_line) in [
            ("a=b", r#"a(?:=|":"?)b"#),
            ("a.b", r#"a(?:.|":"?)b"#),
            (".*a.+b", ".*a.+b"),
            (".{2}", r#"(?:.|":"?){2}"#),
            ("a[^b]*", r#"a(?:[^b]|":"?)*"#),
            ("[[:punct:]]", r#"(?:[[:punct:]]|":"?)"#),
            (r"\W|\D|\S", r#"(?:\W|":"?)|(?:\D|":"?)|(?:\S|":"?)"#),
            (r"\x{3d}", r#"(?:\x{3d}|":"?)"#),
            (r"\=", r#"(?:\=|":"?)"#),
        ] {
            let expected = Some((in_line.to_owned(), PairSearch::Whole));
            assert_eq!(line_pattern(pattern), expected, "{pattern}");
        }
        for pattern in [
            "a",
            r"\.",
            r"\[",
            r"\d+\w\s*(a|b){2}",
            r"a\\b",
            "(?i)a-b",
            "[0-9]{3}",
            r"[a\]b]",
            "[a[b]c]",
            "é",
        ] {
            let expected = Some((pattern.to_owned(), PairSearch::Key));
            assert_eq!(line_pattern(pattern), expected, "{pattern}");
        }
        for pattern in [r"\x3d", r"\pS", "(?x)a # .", "[", "\\"] {
            assert_eq!(line_pattern(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_complicated_pattern_is_searched_in_each_text() {
        let line = with("x", "1", "2");
        for (pattern, expected) in [
            (r"user\x3dx", true),
            ("(?x) user = x # [", true),
            ("user[]=]x", true),
            ("(?P<a.b>user.x)", true),
            (r"user\x3dy", false),
        ] {
            assert_eq!(matches(pattern, &line), expected, "{pattern}");
            assert_eq!(matches_slowly(pattern, &line), expected, "{pattern}");
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
            "[a-cK0-5.,:=i{}\"+e\u{e9}-]{1,3}".prop_map(|text| regex::escape(&text)),
            r#"(\^|\\b|\\B|\\A|\(\?i\))?([a-ck0-5=i]|\[\^a\]|\\d|\\W|.|\\\\|\\n|\\"|e\+|k){1,4}(\$|\\z|\\b|\*|\{2\})?"#,
        ]
    }

    fn any_line() -> impl Strategy<Value = String> {
        let text = r#"([a-cK0-5., :=\u{e9}\u{212a}]|\\u00(41|1b|e9)|\\/|\\n|\\"){0,4}"#;
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
            let of_values = parsed_texts(&line, "\"").join("").repeat(2);
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
