//! Addresses: user information in URLs, e-mail addresses, and addresses of machines. Host names are
//! not secrets.

use std::ops::Range;

use super::text::{RemainingText, is_alphanumeric, is_mark, is_word};

/// Finds the user information of a URL, given the colon before its slashes: up to the last `@` of
/// its authority. Slashes may be escaped, as JSON allows.
pub(super) fn find_user_info(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.after_any(at, &["://", ":\\/\\/", ":\\\\/\\\\/"])?;
    if !text.is_before(at, is_alphanumeric) {
        return None;
    }
    let end = text.end(start, |byte| is_of_url(byte) && !b"/?#".contains(&byte));
    let authority = text.get(start..end);
    let length = match authority.iter().rposition(|&byte| byte == b'@') {
        Some(length) => Some(longer(text, start, length, end).unwrap_or(length)),
        None if is_password_cut(authority) => {
            let url = beginning_with_path(text.from(start));
            let length = url.iter().rposition(|&byte| byte == b'@');
            length.or_else(|| beyond_blanks(text, start))
        }
        None => None,
    }?;
    let user_info = text.get(start..start + length);
    (!user_info.is_empty() && !is_mark(user_info)).then_some(start..start + length)
}

/// Returns the end of the user information if a slash that seems to end the authority is in a
/// password: the text before it is not a host with a dot or a port, and another `@` comes before a
/// host.
fn longer(text: RemainingText<'_>, start: usize, length: usize, end: usize) -> Option<usize> {
    let host = text.get(start + length + 1..end);
    let user_info = text.get(start..start + length);
    let is_host = host.iter().any(|byte| matches!(byte, b'.' | b':')) || host == b"localhost";
    if is_host || !user_info.contains(&b':') {
        return None;
    }
    let url = beginning_with_path(text.from(start));
    let later = url.iter().rposition(|&byte| byte == b'@')?;
    let is_name = text.is_before(start + later, |byte| matches!(byte, b'/' | b'='));
    (later > length && !is_name && is_host_at(text, start + later + 1)).then_some(later)
}

/// Returns the end of the user information if the password contains blanks.
fn beyond_blanks(text: RemainingText<'_>, start: usize) -> Option<usize> {
    let end = text.end_within(start, SEARCH_BYTES_MAX, |byte| {
        byte == b' ' || byte == b'/' || is_of_url(byte)
    });
    let part = text.get(start..end);
    let length = part.iter().position(|&byte| byte == b'@')?;
    let is_other_url = part.get(..length)?.windows(3).any(|part| part == b"://");
    (!is_other_url && is_host_at(text, start + length + 1)).then_some(length)
}

/// Returns `true` if a host name begins at a position.
fn is_host_at(text: RemainingText<'_>, at: usize) -> bool {
    let end = text.end(at, is_of_domain);
    let ends = |byte: u8| byte.is_ascii_whitespace() || b":/?#\"'`,;)\\".contains(&byte);
    end > at && (end == text.len() || text.is(end, ends))
}

/// Returns `true` if the apparent authority is a user and the beginning of a password that contains
/// a slash: the text after the colon is not a port.
fn is_password_cut(authority: &[u8]) -> bool {
    let colon = authority.iter().rposition(|&byte| byte == b':');
    let port = colon.and_then(|at| authority.get(at + 1..));
    !authority.starts_with(b"[") && port.is_some_and(|port| !port.iter().all(u8::is_ascii_digit))
}

/// Returns the beginning that belongs to one URL.
fn beginning_with_path(bytes: &[u8]) -> &[u8] {
    let mut places = bytes.iter().zip(bytes.iter().skip(1).chain([&b' ']));
    let end = places.position(|(&byte, &next)| !is_of_url(byte) || byte == b'/' && next == b'/');
    bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()
}

/// Finds a password before an `@` outside a URL: `user:password@tcp(host)`, as Go writes it, and
/// `user/password@host`, as Oracle's programs do. `at` is the byte before the `@`.
pub(super) fn find_password(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let at = at + 1;
    let is_of_password = |byte: u8| is_of_url(byte) && !matches!(byte, b'/' | b'@' | b'\'');
    let start = text.start_within(at, SEARCH_BYTES_MAX, is_of_password);
    let found = text.get(start..at);
    if text.has(at, "@tcp(") || text.has(at, "@unix(") {
        let colon = found.iter().position(|&byte| byte == b':')?;
        return (!is_mark(found.get(colon + 1..)?)).then_some(start + colon + 1..at);
    }
    let user = text.start_within(start.checked_sub(1)?, USER_BYTES_MAX, is_word);
    let before = text.last_before(user, USER_BYTES_MAX);
    let is_oracle = text.is_before(start, |byte| byte == b'/')
        && [
            "sqlplus ",
            "thin:",
            "rman target ",
            "exp ",
            "imp ",
            "expdp ",
            "impdp ",
        ]
        .into_iter()
        .any(|word| before.ends_with(word.as_bytes()));
    (is_oracle && !found.is_empty() && !is_mark(found)).then_some(start..at)
}

/// Finds an e-mail address, given the byte before its `@`, or the `%40` in place of it.
pub(super) fn find_email(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let at = if text.has(at, "%40") { at } else { at + 1 };
    let domain_at = text.after_any(at, &["@", "%40"])?;
    let local = text.get(text.start_within(at, SEARCH_BYTES_MAX, is_of_mailbox)..at);
    let local = std::str::from_utf8(local).ok()?;
    let local = local.trim_start_matches(|letter: char| !letter.is_alphanumeric() && letter != '_');
    // Clones over SSH use the user `git`.
    if local.is_empty() || local == "git" {
        return None;
    }
    let domain = text.get(domain_at..text.end(domain_at, is_of_domain));
    let domain = std::str::from_utf8(domain).ok()?;
    let length = domain_bytes(domain)?;
    let is_file = domain
        .get(..length)
        .and_then(|domain| domain.rsplit_once('.'))
        .is_some_and(|(_, top)| NO_DOMAINS.contains(&top));
    (!is_file).then(|| at - local.len()..domain_at + length)
}

/// Returns the length of the domain at the beginning of a text: at least two labels, the last one
/// of letters. Versions, as in `package@1.2.3`, are not domains.
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

/// Finds an IPv4 address, given the digit before its first dot.
pub(super) fn find_ipv4(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.start_within(at + 1, 4, |byte| byte.is_ascii_digit());
    if text.is_before(start, |byte| is_word(byte) || byte == b'.') {
        return None;
    }
    let is_of_address = |byte: u8| byte == b'.' || byte.is_ascii_digit();
    let run = text.get(start..text.end_within(start, IPV4_BYTES_MAX + 2, is_of_address));
    let run = std::str::from_utf8(run).ok()?;
    // A full stop at the end belongs to the sentence.
    let address = run.strip_suffix('.').unwrap_or(run);
    let end = start + address.len();
    let is_whole = !text.is(start + run.len(), is_word) || run.len() > address.len();
    (is_whole && is_ipv4(address) && !is_version(text, start, end)).then_some(start..end)
}

/// Returns `true` if four numbers are more likely a version.
fn is_version(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let networks = ["10.", "127.", "192.168.", "172.", "169.254."];
    let is_private = text.after_any(start, &networks).is_some();
    let is_network = text.byte(end) == Some(b'/');
    // Browsers report only the first number of their version.
    let is_round = text.get(start..end).ends_with(b".0.0") && !is_network;
    is_behind_version(text, start)
        || is_round && !is_private
        || is_product(text, start, end, is_private && !is_round)
        || is_file(text, start, end)
}

/// Returns `true` if a position follows the name of a product, as in `Chrome/139.0.0.0`, and not
/// that of a host.
fn is_product(text: RemainingText<'_>, start: usize, end: usize, is_private: bool) -> bool {
    if !text.is_before(start, |byte| byte == b'/') {
        return false;
    }
    let slash = start - 1;
    let name = text.start_within(slash, USER_BYTES_MAX, |byte| {
        is_word(byte) || matches!(byte, b'.' | b'-' | b'/')
    });
    let product = text.get(name..slash);
    let is_name = !product.is_empty()
        && product.iter().all(u8::is_ascii_alphabetic)
        && product != b"localhost";
    let is_port = text.is(end, |byte| matches!(byte, b':' | b'/'));
    is_name && !is_port && (!is_private || product.first().is_some_and(u8::is_ascii_uppercase))
}

/// Returns `true` if a position is in a file name, as in `foo-1.2.3.4.jar`.
fn is_file(text: RemainingText<'_>, start: usize, end: usize) -> bool {
    let is_joined = text.is_before(start, |byte| matches!(byte, b'-' | b'_'))
        && text.is_before(start - 1, |byte| byte.is_ascii_alphabetic());
    // Versions begin with a small number.
    let is_small = text.byte(start + 1) == Some(b'.');
    let is_extended =
        text.byte(end) == Some(b'.') && text.is(end + 1, |byte| byte.is_ascii_alphabetic());
    is_joined && (is_extended || is_small && text.byte(end) != Some(b':'))
}

/// Returns `true` if a word before a position shows that the four numbers there are not an address.
fn is_behind_version(text: RemainingText<'_>, at: usize) -> bool {
    let is_between = |byte| b" \t=:-\"'\\".contains(&byte);
    let end = text.start_within(at, BETWEEN_BYTES_MAX, is_between);
    VERSION_WORDS.iter().any(|word| {
        let Some(start) = end.checked_sub(word.len()).filter(|_| end < at) else {
            return false;
        };
        // `-v` is more likely a flag, with a host after it.
        let is_flag = *word == "v" && text.before(start) == Some(b'-');
        text.has_word(start, word) && !text.is_before(start, is_alphanumeric) && !is_flag
    })
}

/// Finds an IPv6 address, given the first position that has a colon between colons and digits.
/// Brackets belong to it.
pub(super) fn find_ipv6(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let colon = if text.byte(at) == Some(b':') {
        at
    } else {
        at + 1
    };
    let group = text.start_within(colon, 5, |byte| byte.is_ascii_hexdigit());
    let start = match text.before(group) {
        // An apparent group is the end of a word, as in `node:fe80::1`.
        Some(byte) if colon - group > 4 || is_word(byte) => colon + 1,
        // A later part of an address that was already checked, or after a word, as in
        // `peer:2001:db8::1`.
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
    let is_path = address
        .split_once("::")
        .is_some_and(|(before, after)| is_path(before, after));
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

/// Returns `true` if the text around `::` is more likely a path of Rust or C++, as in `a::b1`.
/// Addresses in use begin with a digit or with `f`, and those that begin with `::` continue with a
/// digit or `ffff`.
fn is_path(before: &str, after: &str) -> bool {
    let has_digit = |text: &str| text.contains(|letter: char| letter.is_ascii_digit());
    let begins_with_digit = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    let first = before.split(':').next().unwrap_or_default();
    let start = after.get(..4).unwrap_or_default();
    let is_local = first.len() == 4
        && (first.starts_with(['f', 'F']) && (has_digit(first) || first.contains(['e', 'E'])));
    let is_long = before.contains(':') && has_digit(before);
    if before.is_empty() {
        !begins_with_digit(after) && !start.eq_ignore_ascii_case("ffff")
    } else {
        !begins_with_digit(first) && !is_local && !is_long
    }
}

/// Returns `true` if a text is an IPv4 address, as the standard library parses it. Its types are
/// not used here, since their module is the one of sockets, which no file may name.
fn is_ipv4(text: &str) -> bool {
    let is_octet =
        |part: &str| part.parse::<u8>().is_ok() && (part == "0" || !part.starts_with(['0', '+']));
    text.split('.').count() == 4 && text.split('.').all(is_octet)
}

/// Returns `true` if a text is an IPv6 address (RFC 4291, section 2.2).
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

/// Returns the number of groups of 16 bits, or `None` if the text contains anything else.
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
            _ if index + 1 == parts && is_ipv4(part) => 2,
            _ => return None,
        };
    }
    Some(groups)
}

const fn is_of_ipv6(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// Returns `true` if a byte may belong to a URL and not to the text around it.
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

/// The words before versions and object identifiers (ITU-T X.660) that look like an address.
const VERSION_WORDS: [&str; 7] = ["version", "release", "ver", "v", "oid", "firmware", "build"];

/// `\": \"`
const BETWEEN_BYTES_MAX: usize = 6;

/// `255.255.255.255`
const IPV4_BYTES_MAX: usize = 15;

/// `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`
const IPV6_BYTES_MAX: usize = 45;

/// The longest name before an `@`, and the longest password with blanks, that is found.
const SEARCH_BYTES_MAX: usize = 256;

/// The longest name before a password or a version.
const USER_BYTES_MAX: usize = 64;

/// The last parts of names that contain an `@` and are not addresses: of systemd units and of
/// images.
const NO_DOMAINS: [&str; 15] = [
    "service", "socket", "timer", "slice", "scope", "mount", "device", "target", "path", "swap",
    "png", "jpg", "svg", "gif", "webp",
];
