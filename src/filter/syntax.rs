//! The text of a condition, split into key, operator and values. Keys and values may be in the
//! quotes in which rows show them. What the parts mean is defined elsewhere.

use std::cmp::Ordering;

/// The operator of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`, or `!=` if `answer` is false.
    Equality { answer: bool },
    /// `~`, or `!~` if `answer` is false.
    Search { answer: bool },
    /// `<`, `<=`, `>` or `>=`.
    Order(Relation),
}

/// An order relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    /// Returns `true` if values in that order have the relation.
    pub(super) fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operator {
    const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::Equality { answer: false }),
        ("!~", Self::Search { answer: false }),
        (">=", Self::Order(Relation::GreaterOrEqual)),
        ("<=", Self::Order(Relation::LessOrEqual)),
        ("=", Self::Equality { answer: true }),
        (">", Self::Order(Relation::Greater)),
        ("<", Self::Order(Relation::Less)),
        ("~", Self::Search { answer: true }),
    ];
}

/// A condition as typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypedTerm<'a> {
    pub(super) key: TypedKey,
    pub(super) operator: Operator,
    /// The text of the operator.
    pub(super) sign: &'static str,
    /// The text behind the operator, without blanks around it.
    pub(super) value: &'a str,
}

/// A key as typed, without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypedKey {
    pub(super) name: String,
    pub(super) has_quotes: bool,
}

/// A value as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TypedValue {
    /// A text, which may be a number.
    Plain(String),
    /// A text that was in quotes, without them.
    Quoted(String),
}

impl<'a> TypedTerm<'a> {
    /// Splits the text of a condition.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text is not a condition.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let (key, rest) = split_key(text);
        let mut operators = Operator::ALL.into_iter();
        let found = operators.find_map(|(sign, operator)| {
            Some((sign, operator, rest.trim_start().strip_prefix(sign)?))
        });
        let Some((sign, operator, value)) = found else {
            return Err(format!(
                "`{text}` is not a condition; write key=value, key!=value, key>10, key>=10, key<10, \
                 key<=10, key~regex or key!~regex"
            ));
        };
        let value = value.trim();
        if operator == (Operator::Equality { answer: true }) && value.starts_with('=') {
            let key = key.name.strip_prefix('.').unwrap_or(&key.name);
            return Err(format!(
                "`==` in `{text}` is not an operator; write `{key}={}`",
                value.trim_start_matches('=').trim_start()
            ));
        }
        key.check(text, &format!("{sign}{value}"))?;
        Ok(Self {
            key,
            operator,
            sign,
            value,
        })
    }
}

impl TypedKey {
    /// Reads a text that is only a key.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text is not a key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (key, rest) = split_key(text);
        if !rest.is_empty() {
            return Err(format!(
                "`{text}` is not a key; a key with one of `= < > ~ !` is written in quotes"
            ));
        }
        key.check(text, "")?;
        Ok(key)
    }

    fn check(&self, text: &str, rest: &str) -> Result<(), String> {
        if self.has_quotes {
            return Ok(());
        }
        if self.name.is_empty() {
            return Err(format!("`{text}` has no key"));
        }
        match self.name.strip_prefix('.') {
            Some("") => Err(format!("`{text}` has no key")),
            Some(name) => Err(format!(
                "a key does not begin with a dot as in jq; write `{name}{rest}`"
            )),
            None => Ok(()),
        }
    }
}

impl TypedValue {
    /// Reads one value, which is everything between its quotes if it begins and ends with one.
    pub(super) fn one(text: &str) -> Self {
        match quoted(text) {
            Some((inner, rest)) if rest.trim().is_empty() => Self::Quoted(inner),
            Some(_) | None => Self::Plain(text.to_owned()),
        }
    }

    /// Splits a text into the values between its commas; commas in quotes do not count.
    pub(super) fn list(text: &str) -> Vec<Self> {
        let mut values = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            let in_quotes = quoted(rest).filter(|(_, behind)| {
                let behind = behind.trim_start();
                behind.is_empty() || behind.starts_with(',')
            });
            let (value, behind) = if let Some((inner, behind)) = in_quotes {
                (Self::Quoted(inner), behind.trim_start())
            } else {
                let (value, behind) = split_before(rest, |letter| letter == ',');
                (Self::Plain(value.trim_end().to_owned()), behind)
            };
            if value != Self::Plain(String::new()) {
                values.push(value);
            }
            match behind.strip_prefix(',') {
                Some(next) => rest = next,
                None => return values,
            }
        }
    }

    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Quoted(text) => text,
        }
    }
}

/// Splits a text behind its key. Each part of the key between dots may be in quotes, as in
/// `"span name"."a=b"`.
fn split_key(text: &str) -> (TypedKey, &str) {
    let (mut name, mut has_quotes) = (String::new(), false);
    let mut rest = text.trim_start();
    loop {
        let in_quotes = quoted(rest).filter(|(_, behind)| {
            let behind = behind.trim_start();
            behind.is_empty() || behind.starts_with(|letter| letter == '.' || is_operator(letter))
        });
        if let Some((part, behind)) = in_quotes {
            has_quotes = true;
            name.push_str(&part);
            rest = behind;
        } else {
            let ends = |letter| letter == '.' || is_operator(letter);
            let (part, behind) = split_before(rest, ends);
            let is_last = !behind.starts_with('.');
            name.push_str(if is_last { part.trim_end() } else { part });
            rest = behind;
        }
        match rest.strip_prefix('.') {
            Some(behind) => {
                name.push('.');
                rest = behind;
            }
            None => return (TypedKey { name, has_quotes }, rest.trim_start()),
        }
    }
}

/// Splits a text before the first such letter, or at its end.
fn split_before(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn is_operator(letter: char) -> bool {
    "=!<>~".contains(letter)
}

/// Reads a text in quotes and returns it without them, and the text behind the closing quote. The
/// escapes are those with which rows show keys and values.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut letters = text.strip_prefix('"')?.chars();
    loop {
        match letters.next()? {
            '"' => return Some((inner, letters.as_str())),
            '\\' => match unescaped(letters.as_str()) {
                Some((letter, behind)) => {
                    inner.push(letter);
                    letters = behind.chars();
                }
                None => inner.push('\\'),
            },
            letter => inner.push(letter),
        }
    }
}

/// Returns the letter that is escaped by a backslash before this text, and the text behind it.
fn unescaped(text: &str) -> Option<(char, &str)> {
    let mut letters = text.chars();
    let letter = match letters.next()? {
        letter @ ('"' | '\\') => letter,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'x' => {
            let digits = letters.as_str().get(..2)?;
            return Some((letter_of(digits)?, letters.as_str().get(2..)?));
        }
        'u' => {
            let (digits, behind) = letters.as_str().strip_prefix('{')?.split_once('}')?;
            return Some((letter_of(digits)?, behind));
        }
        _ => return None,
    };
    Some((letter, letters.as_str()))
}

fn letter_of(hexadecimal: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(hexadecimal, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, &str, &str) {
        let term = TypedTerm::parse(text).unwrap();
        (term.key.name, term.sign, term.value)
    }

    #[test]
    fn blanks_around_the_parts_are_left_out() {
        for text in ["tenant=acme", "tenant = acme", " tenant= acme\t"] {
            assert_eq!(parts(text), ("tenant".to_owned(), "=", "acme"), "{text}");
        }
        assert_eq!(parts("a b>= 1"), ("a b".to_owned(), ">=", "1"));
    }

    #[test]
    fn a_key_may_be_in_the_quotes_of_a_row() {
        for (text, key, sign) in [
            (r#""a=b"=x"#, "a=b", "="),
            (r#""a<b">x"#, "a<b", ">"),
            (r#""a b" != x"#, "a b", "!="),
            (r#"" a "=x"#, " a ", "="),
            (r#""request id"."a=b"=x"#, "request id.a=b", "="),
            (r#"request."a.b"~x"#, "request.a.b", "~"),
            (
                r#""say \"hi\" \\ \n\x1b\u{202e}"=x"#,
                "say \"hi\" \\ \n\x1b\u{202e}",
                "=",
            ),
            (r#""""=x"#, "\"\"\"", "="),
            (r#"""=x"#, "", "="),
            (r#""a=x"#, "\"a", "="),
            (r#""a"b=x"#, "\"a\"b", "="),
        ] {
            assert_eq!(parts(text), (key.to_owned(), sign, "x"), "{text}");
        }
    }

    #[test]
    fn values_are_split_at_commas_outside_of_quotes() {
        let plain = |text: &str| TypedValue::Plain(text.to_owned());
        let quoted = |text: &str| TypedValue::Quoted(text.to_owned());
        for (text, values) in [
            ("500", vec![plain("500")]),
            ("500,502", vec![plain("500"), plain("502")]),
            (" 500 , 502,", vec![plain("500"), plain("502")]),
            (r#""a,b""#, vec![quoted("a,b")]),
            (r#""a,b" , c"#, vec![quoted("a,b"), plain("c")]),
            (r#""a"b,c"#, vec![plain("\"a\"b"), plain("c")]),
            (r#""",a"#, vec![quoted(""), plain("a")]),
            ("", vec![]),
            (",", vec![]),
        ] {
            assert_eq!(TypedValue::list(text), values, "{text}");
        }
    }

    #[test]
    fn a_path_of_jq_is_refused_with_a_key_that_works() {
        for (text, expected) in [
            (".properties.status=502", "write `properties.status=502`"),
            (".properties.status==502", "write `properties.status=502`"),
            (".level == \"ERROR\"", "write `level=\"ERROR\"`"),
            (".=1", "has no key"),
        ] {
            let message = TypedTerm::parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert!(TypedKey::parse(".a").unwrap_err().contains("write `a`"));
        assert_eq!(TypedKey::parse("\".a\"").unwrap().name, ".a");
    }
}
