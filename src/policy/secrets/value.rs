//! The ends of values: a closing quote, a bracket, the `;` of a connection string, the end of a
//! header or of a line of configuration, and otherwise a blank.

use std::ops::Range;

use memchr::memmem;

use super::name::{NameMatch, SecretKind};
use super::text::{BLANKS_MAX, RemainingText, is_alphanumeric, is_blank, is_quote, mark_bytes};
use super::words::{SCHEMES, is_one_of};

/// The link between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// A colon with space after it, as in prose.
    Prose,
    /// An equals sign, a colon, an arrow.
    Sign,
    /// A URL-encoded sign, so that the end of the value is encoded, too.
    Encoded,
    /// The end of a tag; the value ends at the next tag.
    Tag,
    /// Only space.
    Space,
    /// `is`
    Is,
}

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueShape {
    /// Between quotes.
    Quoted,
    /// Between brackets, with or without a type before them.
    Bracketed,
    /// Anything else.
    Bare,
}

/// Returns the value that begins at `start`, or `None` if it is empty.
pub(super) fn find(
    text: RemainingText<'_>,
    name: &NameMatch,
    link: Link,
    start: usize,
) -> Option<(ValueShape, Range<usize>)> {
    let as_quoted = |range| (ValueShape::Quoted, range);
    let as_bare = |range| (ValueShape::Bare, range);
    let found = match link {
        Link::Tag => as_quoted(content(text, start)),
        Link::Encoded => as_bare(
            start..text.end(start, |byte| {
                !ends_value(byte) && byte != b'%' && !is_quote(byte)
            }),
        ),
        Link::Prose | Link::Sign | Link::Space | Link::Is => entity(text, start)
            .map(as_quoted)
            .or_else(|| shared_access(text, start).map(as_bare))
            .or_else(|| quoted(text, opening(text, start)).map(as_quoted))
            .or_else(|| bracketed(text, start).map(|range| (ValueShape::Bracketed, range)))
            .or_else(|| block(text, start).map(as_quoted))
            .unwrap_or_else(|| as_bare(bare(text, name, link, start))),
    };
    Some(found).filter(|(_, range)| !range.is_empty())
}

/// Returns a value without quotes or brackets; the text before its name determines where it ends.
fn bare(text: RemainingText<'_>, name: &NameMatch, link: Link, start: usize) -> Range<usize> {
    let is_tight = link == Link::Sign && text.is_before(start, |byte| byte == b'=');
    let is_connection = is_tight && name.kind != SecretKind::Cookie;
    let is_line = matches!(link, Link::Sign | Link::Prose) && name.kind == SecretKind::Chosen;
    let mut found = None;
    if is_connection {
        found = connection_value(text, name.start, start);
    }
    if is_line {
        found = found.or_else(|| line(text, name.start, start));
    }
    let range = found.unwrap_or_else(|| word(text, start));
    // In a URL, a fragment or a query follows it.
    let before = text.before(name.start).unwrap_or(0);
    let ends = |byte: u8| match before {
        b'?' | b'&' => byte == b'#',
        b';' => name.kind != SecretKind::Chosen && matches!(byte, b'#' | b'?'),
        _ => false,
    };
    start..text.end_within(start, range.len(), |byte| !ends(byte))
}

/// Returns the parameters of a shared access signature, which are a single value.
fn shared_access(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let ends = |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || byte == b';';
    (text.has(start, "sv=") || text.has(start, "sr="))
        .then(|| start..text.end(start, |byte| !ends(byte)))
}

/// Returns the content of a tag.
fn content(text: RemainingText<'_>, start: usize) -> Range<usize> {
    let end = text.end(start, |byte| byte != b'<');
    let mut content = text.get(start..end);
    if let Some(length) = memmem::find(content, b"&lt;") {
        content = text.get(start..start + length);
    }
    if text.last_before(start, CDATA.len()) == CDATA {
        content = content.strip_suffix(b"]]>").unwrap_or(content);
    }
    start..start + content.len()
}

/// Returns a value between quotes that are HTML entities.
fn entity(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let start = text.after_any(start, &["&quot;", "&#34;", "&#39;"])?;
    Some(start..text.end(start, |byte| !matches!(byte, b'&' | b'\n')))
}

/// Returns the position of the quote of a value that has a prefix, as `b"x"`, `r#"x"#`, `<<"x">>`
/// or `string(1) "x"`.
fn opening(text: RemainingText<'_>, start: usize) -> usize {
    if text.has(start, "<<\"") {
        return start + 2;
    }
    if let Some(digits) = text.after_any(start, &["string("]) {
        let digits = text.end(digits, |byte| byte.is_ascii_digit());
        if text.has(digits, ") \"") {
            return digits + 2;
        }
    }
    let prefix = text.end_within(start, 2, |byte| b"bBurfNL@&".contains(&byte));
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

/// Returns the text between quotes, up to the end of the text if they are not closed. Quotes may be
/// escaped, as in JSON within a string; they are then closed by a quote that is not escaped more
/// deeply. Text directly after the closing quote, as a shell allows it, belongs to the value.
pub(super) fn quoted(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let at = text.end_within(start, QUOTES_MAX, |byte| byte == b'\\');
    let quote = text.byte(at).filter(|byte| is_quote(*byte))?;
    let triple = [quote; 3];
    if at == start && text.from(at).starts_with(&triple) {
        let content = at + triple.len();
        let length = memmem::find(text.from(content), &triple);
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

/// Returns `true` if a quote is one of two that SQL writes for one.
fn is_doubled(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let is_quote_at = |at: usize| text.byte(at) == Some(b'\'');
    let is_first = is_quote_at(end + 1) && text.is(end + 2, is_alphanumeric);
    let is_second = end > start && is_quote_at(end - 1) && text.is(end + 1, is_alphanumeric);
    is_quote_at(end) && end > start && (is_first || is_second)
}

/// Returns a value in brackets, as JSON and `Debug` write it, with the name of the type before it:
/// up to the closing bracket and the text directly after that, or the end of the text.
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
    let first = text.after_blanks(head + 1);
    if first == head + 1 {
        return None;
    }
    let mut end = text.end(first, |byte| byte != b'\n');
    while text.is(end + 1, is_blank) {
        end = text.end(end + 1, |byte| byte != b'\n');
    }
    Some(first..end)
}

/// Returns the value of a connection string, `Password=two words;`, up to the `;`. The name begins
/// at `name`.
fn connection_value(text: RemainingText<'_>, name: usize, start: usize) -> Option<Range<usize>> {
    let end = text.end_within(start, CONNECTION_BYTES_MAX, |byte| {
        !matches!(byte, b';' | b'\n' | b'\r' | b'=' | b',') && !is_quote(byte)
    });
    // A key that ends in equals signs.
    let end = text.end_within(end, 2, |byte| byte == b'=');
    let gap = text.start_within(name, BLANKS_MAX, is_blank);
    let is_behind_other = text.is_before(gap, |byte| byte == b';');
    let next = text.end_within(end + 1, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || matches!(byte, b' ' | b'_' | b'-' | b'.')
    });
    let is_before_other = text.byte(next) == Some(b'=') && next > end + 1;
    let is_ended = match text.byte(end) {
        Some(b';') => is_behind_other || is_before_other,
        // A quote closes the text around the connection string, unless the value continues after
        // it.
        Some(byte) => {
            let continues = text.is(end + 1, is_alphanumeric);
            is_behind_other && is_quote(byte) && end > start && !continues
        }
        None => false,
    };
    is_ended.then_some(start..end)
}

/// Returns the value of a line of configuration among others: the rest of the line. The name begins
/// at `name`.
fn line(text: RemainingText<'_>, name: usize, start: usize) -> Option<Range<usize>> {
    let gap = text.start_within(name, BLANKS_MAX, is_blank);
    if !text.is_before_or_start(gap, |byte| byte == b'\n') {
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
    let end = memmem::find(line, b" #").map_or(end, |comment| start + comment);
    Some(start..text.start_within(end, end - start, is_blank))
}

/// Returns a value without quotes: up to space, a comma, `&`, `|` or `;`, without characters that
/// may close the text around the name.
pub(super) fn word(text: RemainingText<'_>, start: usize) -> Range<usize> {
    let mut end = start;
    loop {
        end = text.end(end, |byte| !ends_value(byte));
        if !continues(text, start, end) {
            break;
        }
        end += 1;
    }
    let kept = mark_bytes(text.get(start..end)).unwrap_or(0);
    let closes = |byte| is_quote(byte) || matches!(byte, b'\\' | b']' | b')' | b'}' | b'>');
    start..text.start_within(end, end - start - kept, closes)
}

/// Returns `true` if a value continues after a character that usually ends one: the following text
/// does not look like another name.
fn continues(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let is_of_name =
        |byte: u8| is_alphanumeric(byte) || matches!(byte, b'_' | b'-' | b'.' | b'%' | b'[' | b']');
    let next = text.end_within(end + 1, NAME_BYTES_MAX, is_of_name);
    // A bar is more likely a part of a password than the end of one.
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

/// Returns the position after the name of a scheme, as in `Bearer x`, and the space after it.
pub(super) fn scheme_end(text: RemainingText<'_>, start: usize) -> Option<usize> {
    let end = text.end_within(start, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || byte == b'-'
    });
    let next = text.after_blanks(end);
    let word = text.get(start..end);
    (next > end && is_one_of(word, SCHEMES)).then_some(next)
}

/// Returns the value of a header that has parameters, `Digest username="x", nonce="y"`: everything
/// after the scheme.
pub(super) fn parameters(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let scheme = text.end_within(start, NAME_BYTES_MAX, |byte| {
        is_alphanumeric(byte) || byte == b'-'
    });
    let first = text.after_blanks(scheme);
    let is_of_name = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let name = text.end_within(first, PARAMETER_BYTES_MAX, is_of_name);
    let is_parameter = text.byte(name) == Some(b'=')
        && text.is(name + 1, |byte| {
            is_quote(byte) || byte == b'\\' || is_alphanumeric(byte)
        });
    (scheme > start && first > scheme && name > first && is_parameter)
        .then(|| pairs(text, first))?
}

/// Returns the text that begins with `a=`, up to the end of the line or to the end of a quote
/// around it, as the cookies of a header, `Cookie: a=b; c=d`.
pub(super) fn pairs(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
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
    Some(start..text.start_within(at, at - start, is_blank))
}

/// Returns a sequence of lower-case words, of which the keys of wallets are made.
pub(super) fn words(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let start = text.end_within(start, 1, is_quote);
    let end = text.end(start, |byte| byte.is_ascii_lowercase() || byte == b' ');
    let words = text.get(start..end).split(|byte| *byte == b' ');
    (words.count() >= WORDS_MIN).then_some(start..end)
}

const fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'&' | b';' | b'|')
}

/// Returns `true` if a byte after a closing quote belongs to the text around it.
fn ends_quoted(byte: u8) -> bool {
    is_quote(byte) || b":./\\|)]}><#".contains(&byte)
}

/// The start of a section that may contain brackets.
const CDATA: &[u8] = b"<![CDATA[";

/// The longest name of a parameter.
const PARAMETER_BYTES_MAX: usize = 32;

/// The quotes of a value, escaped four times.
const QUOTES_MAX: usize = 18;

/// The maximal number of `#` of a raw string.
const HASHES_MAX: usize = 4;

/// The longest name of a type, or of another property after a value.
const NAME_BYTES_MAX: usize = 64;

/// The longest password of a connection string.
const CONNECTION_BYTES_MAX: usize = 256;

/// The longest value of a line of configuration.
const LINE_BYTES_MAX: usize = 1024;

/// The shortest phrases have twelve words, some of which may be cut.
const WORDS_MIN: usize = 8;
