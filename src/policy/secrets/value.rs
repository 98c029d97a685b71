//! Where values end: at the quote that closes them, at the bracket, at the `;` of a connection string, at the end
//! of a header or of a line of configuration, and else at the blank.

use std::ops::Range;

use super::name::{NameMatch, SecretKind};
use super::text::{BLANKS_MAX, RemainingText, is_alphanumeric, is_blank, is_quote, mark_bytes};
use super::words::{SCHEMES, is_one_of};

/// What joins a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// A colon with space behind it, as in prose.
    Prose,
    /// An equals sign, a colon, an arrow.
    Sign,
    /// A sign that is encoded for a URL, and so is what ends the value.
    Encoded,
    /// The end of a tag; the value goes on to the next one.
    Tag,
    /// Nothing but space.
    Space,
    /// `is`
    Is,
}

/// What a value is written like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueShape {
    /// Between quotes.
    Quoted,
    /// Between brackets, with a type before them or without.
    Bracketed,
    /// Anything else.
    Bare,
}

/// A value that was found.
#[derive(Debug)]
pub(super) struct SecretValue {
    pub(super) range: Range<usize>,
    /// Nothing, if there is none.
    pub(super) shape: Option<ValueShape>,
}

/// Returns the value that begins there.
pub(super) fn find(
    text: RemainingText<'_>,
    name: &NameMatch,
    link: Link,
    start: usize,
) -> SecretValue {
    let of = |shape: ValueShape, range: Range<usize>| SecretValue {
        shape: (!range.is_empty()).then_some(shape),
        range,
    };
    match link {
        Link::Tag => return of(ValueShape::Quoted, content(text, start)),
        Link::Encoded => {
            let end = text.end(start, |byte| {
                !ends_value(byte) && byte != b'%' && !is_quote(byte)
            });
            return of(ValueShape::Bare, start..end);
        }
        Link::Prose | Link::Sign | Link::Space | Link::Is => {}
    }
    if let Some(range) = entity(text, start) {
        return of(ValueShape::Quoted, range);
    }
    if let Some(range) = shared_access(text, start) {
        return of(ValueShape::Bare, range);
    }
    let opening = opening(text, start);
    if let Some(range) = quoted(text, opening) {
        return of(ValueShape::Quoted, range);
    }
    if let Some(range) = bracketed(text, start) {
        return of(ValueShape::Bracketed, range);
    }
    if let Some(range) = block(text, start) {
        return of(ValueShape::Quoted, range);
    }
    let range = connection_value(text, name, link, start)
        .or_else(|| line(text, name, link, start))
        .unwrap_or_else(|| word(text, start));
    // In a URL comes a fragment after it, or a query.
    let before = text.before(name.start).unwrap_or(0);
    let ends = |byte: &u8| match before {
        b'?' | b'&' => *byte == b'#',
        b';' => name.kind != SecretKind::Chosen && matches!(byte, b'#' | b'?'),
        _ => false,
    };
    match text.get(range.clone()).iter().position(ends) {
        Some(length) => of(ValueShape::Bare, start..start + length),
        None => of(ValueShape::Bare, range),
    }
}

/// Returns the parameters of a shared access signature, which are one value.
fn shared_access(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let ends = |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || byte == b';';
    (text.has(start, "sv=") || text.has(start, "sr="))
        .then(|| start..text.end(start, |byte| !ends(byte)))
}

/// Returns the content of a tag.
fn content(text: RemainingText<'_>, start: usize) -> Range<usize> {
    let end = text.end(start, |byte| byte != b'<');
    let encoded = text
        .get(start..end)
        .windows(4)
        .position(|part| part == b"&lt;");
    let end = encoded.map_or(end, |at| start + at);
    let is_cdata = text.get(start.saturating_sub(9)..start) == b"<![CDATA[";
    let closing = if is_cdata && text.get(start..end).ends_with(b"]]>") {
        3
    } else {
        0
    };
    start..end - closing
}

/// Returns a value between quotes that are written as entities of HTML.
fn entity(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let quote = ["&quot;", "&#34;", "&#39;"]
        .into_iter()
        .find(|quote| text.has(start, quote))?;
    let start = start + quote.len();
    Some(start..text.end(start, |byte| !matches!(byte, b'&' | b'\n')))
}

/// Returns where the quote is of a value that has a prefix, as `b"x"`, `r#"x"#`, `<<"x">>` or `string(1) "x"`.
fn opening(text: RemainingText<'_>, start: usize) -> usize {
    if text.has(start, "<<\"") {
        return start + 2;
    }
    if text.has(start, "string(") {
        let digits = text.end(start + "string(".len(), |byte| byte.is_ascii_digit());
        if text.has(digits, ") \"") {
            return digits + 2;
        }
    }
    let is_prefix = |byte| {
        matches!(
            byte,
            b'b' | b'B' | b'u' | b'r' | b'f' | b'N' | b'L' | b'@' | b'&'
        )
    };
    let prefix = text.end_within(start, 2, is_prefix);
    let hashes = text.end_within(prefix, HASHES_MAX, |byte| byte == b'#');
    let escapes = text.end_within(hashes, QUOTES_MAX, |byte| byte == b'\\');
    if hashes > start && text.is(escapes, is_quote) {
        return hashes;
    }
    // A value may begin on a line of its own, where a program prints one item a line.
    let next = text.end_within(start, BLANKS_MAX, |byte| byte.is_ascii_whitespace());
    let is_below = next > start && text.byte(start) == Some(b'\n');
    if is_below && text.byte(next) == Some(b'"') {
        return next;
    }
    if is_below && text.has(next, "string(") {
        return opening(text, next);
    }
    start
}

/// Returns what is between quotes, up to the end of the text if they are not closed. Quotes may be
/// escaped, as in JSON within a string; then they are closed by one that is escaped no deeper. What goes on
/// behind them, as a shell allows, belongs to the value.
pub(super) fn quoted(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let at = text.end_within(start, QUOTES_MAX, |byte| byte == b'\\');
    let quote = text.byte(at).filter(|byte| is_quote(*byte))?;
    let triple = [quote; 3];
    if at == start && text.from(at).starts_with(&triple) {
        let content = at + triple.len();
        let length = text
            .from(content)
            .windows(3)
            .position(|part| part == triple);
        if let Some(length) = length.filter(|length| *length > 0) {
            return Some(content..content + length);
        }
    }
    let depth = at - start;
    let mut backslashes = 0;
    for (end, byte) in (at + 1..).zip(text.from(at + 1).iter().copied()) {
        let is_closing = if depth == 0 {
            backslashes % 2 == 0
        } else {
            backslashes <= depth
        };
        if byte == quote && is_closing && !is_doubled(text, at + 1, end) {
            let escape = if depth == 0 { 0 } else { backslashes };
            let content = at + 1..end - escape;
            let sticks = text.is(end + 1, |byte| content.is_empty() || !ends_quoted(byte));
            let rest = sticks.then(|| word(text, end + 1));
            return Some(match rest {
                Some(rest) if !rest.is_empty() => start..rest.end,
                Some(_) | None => content,
            });
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    Some(at + 1..text.len())
}

/// Returns `true` if a quote is one that SQL doubles, or the other half of that.
fn is_doubled(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let is_quote_at = |at: usize| text.byte(at) == Some(b'\'');
    let is_first = is_quote_at(end + 1) && text.is(end + 2, is_alphanumeric);
    let is_second = end > start && is_quote_at(end - 1) && text.is(end + 1, is_alphanumeric);
    is_quote_at(end) && end > start && (is_first || is_second)
}

/// Returns a value in brackets, as JSON and `Debug` write them, with the type's name before it: up to
/// the bracket that closes it and what sticks to that, or the end of the text.
fn bracketed(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    if mark_bytes(text.from(start)).is_some() {
        return None;
    }
    let name_end = text.end_within(start, NAME_BYTES_MAX, is_alphanumeric);
    let is_type = text.is(start, |byte| byte.is_ascii_uppercase());
    let opening = if is_type && text.has(name_end, " {") {
        name_end + 1
    } else {
        name_end
    };
    let is_opening = match text.byte(opening)? {
        b'{' => (is_type || name_end == start) && !text.has(opening, "{{"),
        b'(' => is_type || name_end == start,
        b'[' => name_end == start,
        _ => false,
    };
    if !is_opening {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = opening;
    while let Some(byte) = text.byte(at) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = quoted(text, at).map_or(at, |content| content.end),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(start..word(text, at).end);
        }
    }
    Some(start..text.len())
}

/// Returns the lines of a block of YAML, which begins with `|` or `>`.
fn block(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let is_block = text.is(start, |byte| matches!(byte, b'|' | b'>'));
    let head = text.end_within(start, 3, |byte| matches!(byte, b'|' | b'>' | b'-' | b'+'));
    if !is_block || text.byte(head) != Some(b'\n') {
        return None;
    }
    let first = text.end_within(head + 1, BLANKS_MAX, is_blank);
    if first == head + 1 {
        return None;
    }
    let mut end = text.end(first, |byte| byte != b'\n');
    while text.is(end + 1, is_blank) {
        end = text.end(end + 1, |byte| byte != b'\n');
    }
    Some(first..end)
}

/// Returns the value of a connection string, `Password=two words;`: up to the `;`.
fn connection_value(
    text: RemainingText<'_>,
    name: &NameMatch,
    link: Link,
    start: usize,
) -> Option<Range<usize>> {
    let is_tight = link == Link::Sign && text.is_before(start, |byte| byte == b'=');
    if !is_tight || name.kind == SecretKind::Cookie {
        return None;
    }
    let end = text.end_within(start, CONNECTION_BYTES_MAX, |byte| {
        !matches!(byte, b';' | b'\n' | b'\r' | b'=' | b',') && !is_quote(byte)
    });
    // A key that ends in signs.
    let end = text.end_within(end, 2, |byte| byte == b'=');
    let gap = text.start_within(name.start, BLANKS_MAX, is_blank);
    let is_behind_other = text.is_before(gap, |byte| byte == b';');
    let next = text.end_within(end + 1, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || matches!(byte, b' ' | b'_' | b'-' | b'.')
    });
    let is_before_other = text.byte(next) == Some(b'=') && next > end + 1;
    let is_ended = match text.byte(end) {
        Some(b';') => is_behind_other || is_before_other,
        // A quote closes what the connection string stands in, unless the value goes on behind it.
        Some(byte) => {
            let goes_on = text.is(end + 1, is_alphanumeric);
            is_behind_other && is_quote(byte) && end > start && !goes_on
        }
        None => false,
    };
    is_ended.then_some(start..end)
}

/// Returns the value of a line of configuration among others: all that is left of it.
fn line(
    text: RemainingText<'_>,
    name: &NameMatch,
    link: Link,
    start: usize,
) -> Option<Range<usize>> {
    let is_link = matches!(link, Link::Sign | Link::Prose);
    let gap = text.start_within(name.start, BLANKS_MAX, is_blank);
    let is_first = match text.before(gap) {
        None => gap == 0,
        Some(byte) => byte == b'\n',
    };
    if !is_link || !is_first || name.kind != SecretKind::Chosen {
        return None;
    }
    let end = text.end_within(start, LINE_BYTES_MAX, |byte| !matches!(byte, b'\n' | b'\r'));
    let is_among_others = gap > 0 || text.is(end, |byte| byte == b'\n');
    let line = text.get(start..end);
    let is_other = line.ends_with(b",")
        || mark_bytes(line).is_some()
        || line
            .iter()
            .any(|&byte| is_quote(byte) || matches!(byte, b';' | b'=' | b'{'));
    if !is_among_others || is_other || text.is(end, |byte| byte != b'\n' && byte != b'\r') {
        return None;
    }
    let comment = line.windows(2).position(|pair| pair == b" #");
    let line = line
        .get(..comment.unwrap_or(line.len()))
        .unwrap_or_default();
    let blanks = line.iter().rev().take_while(|&&byte| is_blank(byte));
    Some(start..start + line.len() - blanks.count())
}

/// Returns a value without quotes: up to space, a comma, `&`, `|` or `;`, without what may close what the name
/// stands in.
pub(super) fn word(text: RemainingText<'_>, start: usize) -> Range<usize> {
    let mut end = start;
    loop {
        end = text.end(end, |byte| !ends_value(byte));
        if !goes_on(text, start, end) {
            break;
        }
        end += 1;
    }
    let value = text.get(start..end);
    let kept = mark_bytes(value).unwrap_or(0);
    let closing = value
        .get(kept..)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(|&&byte| is_quote(byte) || matches!(byte, b'\\' | b']' | b')' | b'}' | b'>'))
        .count();
    start..end - closing
}

/// Returns `true` if a value goes on behind what usually ends one: what follows does not look like another name.
fn goes_on(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let is_of_name =
        |byte: u8| is_alphanumeric(byte) || matches!(byte, b'_' | b'-' | b'.' | b'%' | b'[' | b']');
    let next = text.end_within(end + 1, NAME_BYTES_MAX, is_of_name);
    // A bar is rather a part of a password than what closes one.
    let is_bar = text.byte(end) == Some(b'|');
    let is_name = text.is(end + 1, |byte| byte.is_ascii_alphabetic())
        && text.is(next, |byte| matches!(byte, b'=' | b':'));
    let is_other =
        is_name || !is_bar && text.is(next, |byte| matches!(byte, b';' | b'(') || is_quote(byte));
    let is_separator = text.is(end, |byte| matches!(byte, b',' | b'&'))
        && end > start
        && !text.is_before(end, |byte| {
            is_quote(byte) || matches!(byte, b']' | b')' | b'}')
        });
    (is_bar || is_separator)
        && text.is(end + 1, |byte| !ends_value(byte) || is_bar && byte == b'|')
        && !is_other
}

/// Returns where the name of a scheme, as in `Bearer x`, and the space behind it end.
pub(super) fn scheme_end(text: RemainingText<'_>, start: usize) -> Option<usize> {
    let end = text.end_within(start, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || byte == b'-'
    });
    let next = text.end_within(end, BLANKS_MAX, is_blank);
    let word = text.get(start..end);
    (next > end && is_one_of(word, SCHEMES)).then_some(next)
}

/// Returns the cookies of a header, `Cookie: a=b; c=d`: all of its line, up to what closes a quote around
/// it. What does not begin like a cookie is any value.
pub(super) fn header(
    text: RemainingText<'_>,
    name_end: usize,
    start: usize,
) -> Option<Range<usize>> {
    let is_header = text.get(name_end..start).contains(&b':');
    is_header.then(|| pairs(text, start))?
}

/// Returns the value of a header that has parameters, `Digest username="x", nonce="y"`: all of it behind the
/// scheme.
pub(super) fn parameters(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let scheme = text.end_within(start, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || byte == b'-'
    });
    let first = text.end_within(scheme, BLANKS_MAX, is_blank);
    let is_of_name = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let name = text.end_within(first, PARAMETER_BYTES_MAX, is_of_name);
    let is_parameter = text.byte(name) == Some(b'=')
        && text.is(name + 1, |byte| {
            is_quote(byte) || byte == b'\\' || is_alphanumeric(byte)
        });
    (scheme > start && first > scheme && name > first && is_parameter)
        .then(|| pairs(text, first))?
}

/// Returns what begins with `a=` and goes on to the end of the line, or to what closes a quote around it.
fn pairs(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let first = text.end(start, |byte| {
        !ends_value(byte) && !is_quote(byte) && !matches!(byte, b'=' | b'\\')
    });
    if first == start || text.byte(first) != Some(b'=') {
        return None;
    }
    let mut at = first;
    while let Some(byte) = text.byte(at) {
        if matches!(byte, b'\n' | b'\r' | b'\\') || is_quote(byte) {
            break;
        }
        at += 1;
        if byte == b'='
            && let Some(content) = quoted(text, at)
        {
            let escapes_end = text.end_within(content.end, QUOTES_MAX, |byte| byte == b'\\');
            let is_closed = text.is(escapes_end, is_quote);
            at = if is_closed {
                escapes_end + 1
            } else {
                content.end
            };
        }
    }
    let trailing = text.get(start..at).iter().rev();
    let blanks = trailing.take_while(|&&byte| is_blank(byte)).count();
    Some(start..at - blanks)
}

/// Returns words of small letters, of which keys of wallets are made.
pub(super) fn words(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let start = text.end_within(start, 1, is_quote);
    let end = text.end(start, |byte| byte.is_ascii_lowercase() || byte == b' ');
    let words = text.get(start..end).split(|byte| *byte == b' ');
    (words.count() >= WORDS_MIN).then_some(start..end)
}

const fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'&' | b';' | b'|')
}

/// Returns `true` if a byte behind a closing quote belongs to the text around it.
const fn ends_quoted(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'.'
            | b'/'
            | b'\\'
            | b'|'
            | b')'
            | b']'
            | b'}'
            | b'>'
            | b'<'
            | b'"'
            | b'\''
            | b'`'
            | b'#'
    )
}

/// The longest name of a parameter.
const PARAMETER_BYTES_MAX: usize = 32;

/// A value's quote, escaped four times over.
const QUOTES_MAX: usize = 18;

/// How many `#` a raw string may have.
const HASHES_MAX: usize = 4;

/// The longest name of a type, and of another property behind a value.
const NAME_BYTES_MAX: usize = 64;

/// The longest password of a connection string.
const CONNECTION_BYTES_MAX: usize = 256;

/// The longest value of a line of configuration.
const LINE_BYTES_MAX: usize = 1024;

/// The shortest phrases have twelve words; some may be cut.
const WORDS_MIN: usize = 8;
