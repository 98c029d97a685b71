//! Flags that take a user and a password, as curl's `-u user:password`, and one-letter flags that
//! take a password. In prose, passwords are distinguished from ports and paths by the program
//! before them, or by their form; in the arguments of a command, text directly after `-p` is a
//! password, unless it makes a well-known flag.

use std::ops::Range;

use memchr::{memmem, memrchr3};

use super::text::{RemainingText, is_blank, is_quote, is_url_safe, mark_bytes};
use super::{SecretFinding, SecretRule, plain, value};

/// Finds the secret after a flag, given its last dash.
pub(super) fn find(text: RemainingText<'_>, at: usize) -> Option<Range<usize>> {
    let start = text.start_within(at, FLAG_BYTES_MAX, is_url_safe);
    if text.is_inside_word(start) {
        return None;
    }
    user(text, start, at).or_else(|| password(text, start))
}

/// Finds the user and password after a flag of curl and similar programs: `-u user:password`.
fn user(text: RemainingText<'_>, start: usize, at: usize) -> Option<Range<usize>> {
    let end = text.end_within(at, FLAG_BYTES_MAX, is_url_safe);
    let flag = text.get(start..end);
    if flag.starts_with(b"-u") && flag.len() > 2 && text.byte(end) == Some(b':') {
        let range = value::word(text, start + 2);
        return is_user_info(text.get(range.clone())).then_some(range);
    }
    // The flags of curl.
    let is_known = matches!(flag, b"-u" | b"-U" | b"--user" | b"--proxy-user")
        || flag == b"-a" && is_behind(command_before(text, start), &["http ", "https ", "xh "]);
    if !is_known {
        return None;
    }
    let value = match text.byte(end)? {
        b'=' => end + 1,
        _ => argument(text, end)?,
    };
    let range = value::quoted(text, value).unwrap_or_else(|| value::word(text, value));
    let content = text.get(range.clone());
    if flag == b"-U"
        && let Some(percent) = content.iter().position(|&byte| byte == b'%')
    {
        let password = range.start + percent + 1;
        let is_password = password < range.end && mark_bytes(text.from(password)).is_none();
        return is_password.then_some(password..range.end);
    }
    is_user_info(content).then_some(range)
}

/// Finds the password after a one-letter flag.
fn password(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let letter = text.byte(start + 1)?;
    if text.byte(start) != Some(b'-') || !text.is_before_or_start(start, is_before_flag) {
        return None;
    }
    let command = command_before(text, start);
    let glued = start + 2;
    let is_item = text
        .before(start)
        .is_some_and(|byte| is_quote(byte) && text.byte(glued) == Some(byte));
    let is_glued = letter == b'p'
        && !is_item
        && !text.is(glued, |byte| {
            is_blank(byte) || matches!(byte, b',' | b'=' | b'-')
        });
    if is_glued && glued < text.len() {
        let quoted = text.is(glued, is_quote).then(|| value::quoted(text, glued));
        let range = quoted.flatten().unwrap_or_else(|| value::word(text, glued));
        let value = text.get(range.clone());
        let is_password = if is_behind(command, GLUED) {
            !value.is_empty()
        } else {
            is_likely_password(value)
        };
        return is_password
            .then_some(range)
            .filter(|range| !plain::is_mark_or_variable(text.get(range.clone())));
    }
    let value = argument(text, glued)?;
    let known = match letter {
        b'p' => SPACED,
        b'P' => SPACED_UPPER,
        b'a' => &["redis-cli", "valkey-cli"],
        b'w' => &[
            "ldapsearch",
            "ldapmodify",
            "ldapadd",
            "ldapdelete",
            "ldappasswd",
            "ldapwhoami",
        ],
        _ => return None,
    };
    let range = value::quoted(text, value).unwrap_or_else(|| value::word(text, value));
    let found = text.get(range.clone());
    let is_password = is_behind(command, known)
        || matches!(letter, b'p' | b'P')
            && is_behind_user(command)
            && !is_behind(command, GLUED)
            && !found.iter().all(u8::is_ascii_digit);
    let is_value =
        !found.is_empty() && !found.starts_with(b"-") && !plain::is_mark_or_variable(found);
    (is_password && is_value).then_some(range)
}

/// Returns the beginning of the argument after a flag: after space, or the next item of a list.
fn argument(text: RemainingText<'_>, end: usize) -> Option<usize> {
    let blanks = text.after_blanks(end);
    if blanks > end {
        return Some(blanks);
    }
    let item = text.after_any(end, &["\", \"", "', '", "\",\"", "','"])?;
    Some(item - 1)
}

/// Returns `true` if a value is a user and a password. Numbers of users and groups, as containers
/// take them, paths, date formats and URLs are not.
fn is_user_info(value: &[u8]) -> bool {
    let Some(colon) = value.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let password = value.get(colon + 1..).unwrap_or_default();
    let is_of_ids = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b':');
    let is_other = matches!(value.first(), Some(b'/' | b'+' | b'~'));
    !password.is_empty() && !password.starts_with(b"//") && !is_of_ids && !is_other
}

/// Returns `true` if the text directly after `-p` is more likely a password than a port, a path, or
/// a longer flag.
fn is_likely_password(value: &[u8]) -> bool {
    let has = |wanted: fn(&u8) -> bool| value.iter().any(wanted);
    value.len() >= CHOSEN_BYTES_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !has(|byte| matches!(byte, b':' | b'/' | b'.' | b'=' | b'-' | b','))
        && !["rint0", "ython"]
            .into_iter()
            .any(|flag| value.starts_with(flag.as_bytes()))
}

/// Returns `true` if a command contains one of the programs.
fn is_behind(command: &[u8], programs: &[&str]) -> bool {
    programs.iter().any(|program| {
        memmem::find(command, program.as_bytes()).is_some_and(|found| {
            let before = found.checked_sub(1).and_then(|at| command.get(at));
            before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
        })
    })
}

/// Returns `true` if the last argument of a command is the value of a flag that takes a user.
fn is_behind_user(command: &[u8]) -> bool {
    let mut words = command
        .rsplit(|byte| is_blank(*byte) || is_quote(*byte) || *byte == b',')
        .filter(|word| !word.is_empty());
    let before_last = words.nth(1);
    before_last.is_some_and(|flag| matches!(flag, b"-u" | b"-U" | b"--user" | b"--username"))
}

/// Returns the text before a position in the same command, or its last part.
fn command_before(text: RemainingText<'_>, at: usize) -> &[u8] {
    let before = text.last_before(at, COMMAND_BYTES_MAX);
    let start = memrchr3(b'\n', b';', b'|', before).map_or(0, |at| at + 1);
    before.get(start..).unwrap_or_default()
}

/// Lists the passwords directly after `-p` in the arguments of a command, in order. The arguments
/// are a line as for a shell, or a list as `Debug` writes it.
pub(super) fn passwords(text: &str) -> Vec<SecretFinding> {
    let text = RemainingText::above(text.as_bytes(), 0);
    let mut findings = Vec::new();
    let mut from = 0;
    while let Some(dash) = memmem::find(text.from(from), LETTER) {
        let start = from + dash + LETTER.len();
        let range = argument_of_letter(text, start);
        from = range.as_ref().map_or(start, |range| range.end);
        let rule = SecretRule::Assignment;
        findings.extend(range.map(|range| SecretFinding { rule, range }));
    }
    findings
}

/// Returns `true` if a text, plain or as a JSON string, may contain such a password. This is a fast
/// check.
pub(super) fn may_have_password(text: &[u8]) -> bool {
    let mut behind = memmem::find_iter(text, LETTER).map(|dash| text.get(dash + LETTER.len()));
    behind.any(|next| next.is_some_and(|next| !is_blank(*next)))
}

/// Finds the password that begins at a position, after its flag.
fn argument_of_letter(text: RemainingText<'_>, start: usize) -> Option<Range<usize>> {
    let dash = start - LETTER.len();
    let before = text.before(dash);
    let begins = before.is_none_or(|byte| {
        byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b'[' | b'(' | b',')
    });
    if !begins || mark_bytes(text.from(start)).is_some() {
        return None;
    }
    let range = match before.filter(|byte| is_quote(*byte)) {
        // The value is a whole argument, with its blanks.
        Some(_) => {
            let escapes = text.start_within(dash - 1, ESCAPES_MAX, |byte| byte == b'\\');
            let end = value::quoted(text, escapes)?.end;
            start..end.max(start)
        }
        None => value::quoted(text, start).unwrap_or_else(|| {
            let end = text.end(start, |byte| !byte.is_ascii_whitespace() && byte != b'"');
            let closers = |byte| matches!(byte, b',' | b']' | b')' | b'\'' | b'\\');
            let closed = text.start_within(end, ESCAPES_MAX, closers);
            start..closed.max(start)
        }),
    };
    let value = text.get(range.clone());
    let name = value.split(|byte| matches!(byte, b'=' | b':')).next();
    let is_other = value.is_empty()
        || is_port(value)
        || name.is_some_and(|name| OTHERS.iter().any(|other| other.as_bytes() == name));
    (!is_other).then_some(range)
}

/// Returns `true` if a value is a port, or several as containers take them: `8080:80/tcp`.
fn is_port(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"=").unwrap_or(value);
    let value = value.strip_suffix(b"/tcp").unwrap_or(value);
    let value = value.strip_suffix(b"/udp").unwrap_or(value);
    let is_address = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-');
    value.iter().all(is_address) && (value.len() <= PORT_DIGITS_MAX || value.contains(&b':'))
}

/// Returns `true` if a byte may precede a flag.
const fn is_before_flag(byte: u8) -> bool {
    byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b'=' | b'[' | b'(' | b':' | b',')
}

/// The programs that take the password directly after `-p`.
const GLUED: &[&str] = &[
    "mysql", "mariadb", "sshpass", "7z", "7za", "7zz", "rar", "mycli",
];

/// The programs that take a password as the argument of `-p`.
const SPACED: &[&str] = &[
    "sshpass",
    "docker login",
    "podman login",
    "buildah login",
    "skopeo login",
    "registry login",
    "nerdctl login",
    "az login",
    "oc login",
    "mongo",
    "cf login",
    "argocd login",
    "influx",
];

/// The programs that take a password as the argument of `-P`.
const SPACED_UPPER: &[&str] = &["sqlcmd", "bcp", "unzip", "zip", "ipmitool", "tsql"];

/// A limit above the length of all flags that take a user.
const FLAG_BYTES_MAX: usize = 16;

/// The maximal distance of a program from its flag.
const COMMAND_BYTES_MAX: usize = 128;

/// A shorter text directly after `-p` is not distinguished from a flag.
const CHOSEN_BYTES_MIN: usize = 5;

/// The flag that is followed directly by a password.
const LETTER: &[u8] = b"-p";

/// The rests of flags of common programs that begin with `-p`.
const OTHERS: [&str; 36] = [
    "R",
    "ackage",
    "arallel",
    "arams",
    "ass",
    "assin",
    "assout",
    "assphrase",
    "asswd",
    "assword",
    "ath",
    "edantic",
    "erm",
    "g",
    "id",
    "ipe",
    "kg",
    "lnt",
    "lntu",
    "lugin",
    "olicy",
    "ort",
    "prof",
    "r",
    "refix",
    "rint",
    "rint0",
    "rivate",
    "rofile",
    "roject",
    "rune",
    "thread",
    "v",
    "xf",
    "xvf",
    "xzf",
];

/// The maximal number of bytes that escape or close a quote.
const ESCAPES_MAX: usize = 16;

const PORT_DIGITS_MAX: usize = 5;
