//! Addresses: who signs in with a URL, of e-mail, and of machines. Names of hosts are no secrets.

use std::ops::Range;

use super::text::{Text, is_alphanumeric, is_mark, is_word};

/// Finds user name and password in a URL, given its `://`: up to the last `@` of its authority.
pub(super) fn find_user_info(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if !text.is_before(at, is_alphanumeric) {
        return None;
    }
    let start = at + "://".len();
    let end = text.end(start, |byte| is_of_url(byte) && !b"/?#".contains(&byte));
    let authority = text.get(start..end);
    let authority = if !authority.contains(&b'@') && is_password_cut(authority) {
        beginning_with_path(text.from(start))
    } else {
        authority
    };
    let length = authority.iter().rposition(|&byte| byte == b'@')?;
    let user_info = authority.get(..length)?;
    (!user_info.is_empty() && !is_mark(user_info)).then_some(start..start + length)
}

pub(super) fn may_be_user_info(text: Text<'_>, at: usize) -> bool {
    let start = at + "://".len();
    let end = text.end_within(start, LOOK_BYTES_MAX, |byte| byte != b' ' && byte != b'@');
    end - start == LOOK_BYTES_MAX || text.byte(end) == Some(b'@')
}

/// Tells whether what looks like an authority is rather a name and the beginning of a password that has
/// a slash in it: after a colon follows more than a port.
fn is_password_cut(authority: &[u8]) -> bool {
    let colon = authority.iter().rposition(|&byte| byte == b':');
    let port = colon.and_then(|at| authority.get(at + 1..));
    !authority.starts_with(b"[") && port.is_some_and(|port| !port.iter().all(u8::is_ascii_digit))
}

/// Returns as much as belongs to one URL.
fn beginning_with_path(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .windows(2)
        .position(|pair| pair == b"//" || !pair.first().copied().is_some_and(is_of_url));
    bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()
}

/// Finds an address of e-mail, given its `@`.
pub(super) fn find_email(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.byte(at) != Some(b'@') {
        return None;
    }
    let local = text.get(text.start_within(at, text.len(), is_of_mailbox)..at);
    let local = std::str::from_utf8(local).ok()?;
    let local = local.trim_start_matches(|letter: char| !letter.is_alphanumeric() && letter != '_');
    // Whoever clones with SSH does it as `git`.
    if local.is_empty() || local == "git" {
        return None;
    }
    let domain = text.get(at + 1..text.end(at + 1, is_of_domain));
    let domain = std::str::from_utf8(domain).ok()?;
    Some(at - local.len()..at + 1 + domain_bytes(domain)?)
}

pub(super) fn may_be_email(text: Text<'_>, at: usize) -> bool {
    let start = at + 1;
    let end = text.end_within(start, LOOK_BYTES_MAX, |byte| {
        is_of_domain(byte) && byte != b'.'
    });
    text.byte(at) == Some(b'@')
        && text.is_before(at, is_of_mailbox)
        && end > start
        && (end - start == LOOK_BYTES_MAX || text.byte(end) == Some(b'.'))
}

/// Returns how much of the text is a domain: at least two labels, the last one of letters. Versions, as in
/// `package@1.2.3`, are none.
fn domain_bytes(text: &str) -> Option<usize> {
    let mut domain_end = None;
    let mut start = 0;
    for label in text.split('.') {
        let name = label
            .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
            .next()?
            .trim_end_matches('-');
        let end = start + name.len();
        let is_top = start > 0
            && name.chars().nth(1).is_some()
            && (name.chars().all(char::is_alphabetic) || name.starts_with("xn--"));
        if is_top {
            domain_end = Some(end);
        }
        if name.len() < label.len() || name.is_empty() {
            break;
        }
        start = end + 1;
    }
    domain_end
}

/// Finds an address of IPv4, given the digit before its first dot.
pub(super) fn find_ipv4(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.start_within(at + 1, 4, |byte| byte.is_ascii_digit());
    if text.is_before(start, |byte| is_word(byte) || byte == b'.') {
        return None;
    }
    if is_behind_version(text, start) {
        return None;
    }
    let is_of_address = |byte: u8| byte == b'.' || byte.is_ascii_digit();
    let run = text.get(start..text.end_within(start, IPV4_BYTES_MAX + 2, is_of_address));
    // A full stop belongs to the sentence.
    let address = run.strip_suffix(b".").unwrap_or(run);
    let end = start + address.len();
    let is_whole = !text.is(start + run.len(), is_word) || run.len() > address.len();
    (is_whole && is_ipv4(address)).then_some(start..end)
}

/// Tells whether a word before a place says that four numbers there are no address.
fn is_behind_version(text: Text<'_>, at: usize) -> bool {
    let is_between = |byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'=' | b':' | b'-' | b'"' | b'\'' | b'\\'
        )
    };
    let end = text.start_within(at, BETWEEN_BYTES_MAX, is_between);
    VERSION_WORDS.iter().any(|word| {
        let start = end.checked_sub(word.len());
        end < at
            && start.is_some_and(|start| {
                // `-v` is rather a flag, and what follows it a host.
                let is_flag = *word == "v" && text.before(start) == Some(b'-');
                text.has_word(start, word) && !text.is_before(start, is_alphanumeric) && !is_flag
            })
    })
}

pub(super) fn may_be_ipv4(text: Text<'_>, at: usize) -> bool {
    let is_of_address = |byte: u8| byte == b'.' || byte.is_ascii_digit();
    let end = text.end_within(at, IPV4_BYTES_MAX, is_of_address);
    let dots = text.get(at..end).iter().filter(|&&byte| byte == b'.');
    dots.count() >= 3
}

/// Finds an address of IPv6, given the first place that has a colon between colons and digits. Brackets
/// belong to it.
pub(super) fn find_ipv6(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let colon = if text.byte(at) == Some(b':') {
        at
    } else {
        at + 1
    };
    let group = text.start_within(colon, 5, |byte| byte.is_ascii_hexdigit());
    let start = match text.before(group) {
        // What ends like a group is the end of a word, as in `node:fe80::1`.
        Some(byte) if colon - group > 4 || is_word(byte) => colon + 1,
        // Later in what was looked at before, or behind a word, as in `peer:2001:db8::1`.
        Some(b':')
            if text.is_before(group - 1, |byte| byte == b':' || byte.is_ascii_hexdigit()) =>
        {
            return None;
        }
        Some(b'.') => return None,
        None if colon - group > 4 => return None,
        Some(_) | None => group,
    };
    let run_end = text.end_within(start, IPV6_BYTES_MAX + 2, is_of_ipv6);
    let run = std::str::from_utf8(text.get(start..run_end)).ok()?;
    let address = run.trim_end_matches('.');
    let address = match address.strip_suffix(':') {
        Some(rest) if !rest.ends_with(':') => rest,
        Some(_) | None => address,
    };
    let is_whole = address.len() < run.len() || !text.is(run_end, is_word);
    // Without a digit it is rather a path of Rust, as in `a::b`.
    let is_path =
        address.contains("::") && !address.contains(|letter: char| letter.is_ascii_digit());
    if !is_whole || is_path || !is_ipv6(address) {
        return None;
    }
    let end = start + address.len();
    let is_bracketed = text.before(start) == Some(b'[') && text.byte(end) == Some(b']');
    Some(if is_bracketed {
        start - 1..end + 1
    } else {
        start..end
    })
}

pub(super) fn may_be_ipv6(text: Text<'_>, at: usize) -> bool {
    let start = text.start_within(at, IPV6_BYTES_MAX, is_of_ipv6);
    let end = text.end_within(at, IPV6_BYTES_MAX, is_of_ipv6);
    let run = text.get(start..end);
    let is_short = || run.windows(2).any(|pair| pair == b"::");
    let is_long = || run.iter().filter(|&&byte| byte == b':').nth(5).is_some();
    is_short() && run.iter().any(u8::is_ascii_digit) || is_long()
}

/// Tells whether bytes are an address of IPv4, as the standard library parses it. Its types are not used
/// here: the module of theirs is the one of sockets, which no file names.
fn is_ipv4(bytes: &[u8]) -> bool {
    let is_octet = |part: &[u8]| match part {
        [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'] => true,
        [hundreds, rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit) => {
            *hundreds == b'1' || *hundreds == b'2' && rest <= b"55".as_slice()
        }
        _ => false,
    };
    let mut parts = bytes.split(|&byte| byte == b'.');
    parts.clone().count() == 4 && parts.all(is_octet)
}

/// Tells the same of an address of IPv6 (RFC 4291, section 2.2).
fn is_ipv6(text: &str) -> bool {
    match text.split_once("::") {
        None => groups(text) == Some(8),
        // The last two groups may be written as IPv4 at the end only.
        Some((before, after)) => {
            let before = (!before.contains('.')).then(|| groups(before)).flatten();
            before
                .zip(groups(after))
                .is_some_and(|(before, after)| before + after < 8)
        }
    }
}

/// Counts groups of 16 bits; nothing, if there is something else.
fn groups(text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let parts: usize = text.split(':').count();
    let mut groups = 0;
    for (index, part) in text.split(':').enumerate() {
        let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        groups += match part.len() {
            1..=4 if is_hex => 1,
            _ if index + 1 == parts && is_ipv4(part.as_bytes()) => 2,
            _ => return None,
        };
    }
    Some(groups)
}

const fn is_of_ipv6(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// Tells whether a byte may belong to a URL and not to the text around it.
fn is_of_url(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"<>`\\".contains(&byte)
}

const fn is_of_mailbox(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'%' | b'+' | b'-' | 0x80..)
}

const fn is_of_domain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | 0x80..)
}

/// What stands before versions and identifiers of objects (ITU-T X.660) that look like an address.
const VERSION_WORDS: [&str; 5] = ["version", "release", "ver", "v", "oid"];

/// `\": \"`
const BETWEEN_BYTES_MAX: usize = 6;

/// `255.255.255.255`
const IPV4_BYTES_MAX: usize = 15;

/// `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`
const IPV6_BYTES_MAX: usize = 45;

/// How far a quick look goes. What is longer may be a secret.
const LOOK_BYTES_MAX: usize = 256;
