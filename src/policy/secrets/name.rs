//! Names behind which secrets stand: a table of words, where in a name they count, and what kind of secret they
//! name. `token` is told from `tokenizer`, `pass` from `compass`, and what a name says about a secret, as
//! `token_type` and `password_policy` do, is none.

use super::text::{BLANKS_MAX, RemainingText, is_quote, is_url_safe, mark_bytes};
use super::words::{ABOUT, ABOUT_IN_TEXTS, CODES, KEYS, OWNERS, PATHS, is_one_of};

/// A word that makes a name the name of a secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stem {
    /// In small letters.
    pub(super) text: &'static str,
    /// Where in it its three rarest bytes are.
    pub(super) lead: usize,
    begins: Begins,
    ends: Boundary,
    kind: SecretKind,
}

/// What kind of secret a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretKind {
    /// Chosen by people: a password may look like any word.
    Chosen,
    /// Made by a machine: a plain word is none.
    Made,
    /// Something that is only a secret if it is long and has digits in it.
    Long,
    /// A few digits.
    Code,
    /// Words of which a key is made.
    Phrase,
    /// A header with cookies.
    Cookie,
    /// A header that proves who asks.
    Authorization,
}

/// What must stand before a stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Anything.
    Anywhere,
    /// No letter, unless a hump of camel case begins, or what people write before it in one word.
    Word(&'static [&'static str]),
    /// One of these, and a joint or none.
    Behind(&'static [&'static str]),
    /// `?` or `&`, or in one word what is given.
    Query(&'static [&'static str]),
}

/// What may stand behind a stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Boundary {
    /// Anything.
    Anywhere,
    /// Another word, or an `s`.
    Word,
    /// Anything but a letter.
    NoLetter,
    /// Digits, and these words, each behind a joint or none.
    Name(&'static [&'static str]),
    /// Anything but these.
    Not(&'static [&'static str]),
    /// One of these behind a joint or none.
    With(&'static [&'static str]),
}

/// A name in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameMatch {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the quote before it begins.
    pub(super) opening: usize,
    /// Where quotes and brackets behind it end.
    pub(super) closed: usize,
    pub(super) kind: SecretKind,
    /// Its values may be numbers that are no secrets.
    pub(super) may_count: bool,
    /// The word that makes it one.
    pub(super) stem: &'static str,
    /// It is the word alone, which sentences have, too.
    pub(super) is_bare: bool,
    /// Its value may be the path of a file that holds the secret.
    pub(super) may_be_path: bool,
}

use Begins::{Anywhere, Behind, Query};
use Boundary::{Name, Not, With};
use SecretKind::{Authorization, Chosen, Code, Cookie, Long, Made, Phrase};

const ANY: Boundary = Boundary::Anywhere;
const WORD: Boundary = Boundary::Word;
const ALONE: Begins = Begins::Word(&[]);
const OWNED: Begins = Begins::Word(OWNERS);

/// The words. Those of other languages are the ones that forms and programs use.
pub(super) const STEMS: &[Stem] = &[
    new("password", 2, Anywhere, ANY, Chosen),
    new("passwd", 2, Anywhere, ANY, Chosen),
    new("passwort", 2, Anywhere, ANY, Chosen),
    new("passphrase", 3, Anywhere, ANY, Chosen),
    new("phrase", 0, Behind(&["pass"]), WORD, Chosen),
    new("passcode", 3, Anywhere, ANY, Chosen),
    new("pass", 0, OWNED, Name(&["phrase", "code", "word"]), Chosen),
    new("pwd", 0, Anywhere, ANY, Chosen),
    new("pswd", 0, Anywhere, ANY, Chosen),
    new("passw", 2, ALONE, WORD, Chosen),
    new("pw", 0, OWNED, Boundary::NoLetter, Chosen),
    new("kennwort", 2, Anywhere, ANY, Chosen),
    new("contrasena", 4, Anywhere, ANY, Chosen),
    new("contraseña", 4, Anywhere, ANY, Chosen),
    new("senha", 1, ALONE, WORD, Chosen),
    new("passe", 2, Behind(&["de"]), WORD, Chosen),
    new("mdp", 0, OWNED, WORD, Chosen),
    new("wachtwoord", 3, Anywhere, ANY, Chosen),
    new("ароль", 0, Anywhere, WORD, Chosen),
    new("密码", 0, Anywhere, WORD, Chosen),
    new("密碼", 0, Anywhere, WORD, Chosen),
    new("パスワード", 0, Anywhere, WORD, Chosen),
    new("비밀번호", 0, Anywhere, WORD, Chosen),
    new("hasło", 2, ALONE, WORD, Chosen),
    new("haslo", 1, ALONE, WORD, Chosen),
    new("heslo", 1, ALONE, WORD, Chosen),
    new("parola", 1, ALONE, WORD, Chosen),
    new("şifre", 2, ALONE, WORD, Chosen),
    new("sifre", 1, ALONE, WORD, Chosen),
    new("salasana", 3, Anywhere, WORD, Chosen),
    new("lösenord", 4, Anywhere, WORD, Chosen),
    new("secret", 1, Anywhere, Not(&["ar", "ion", "iv"]), Chosen),
    new("credential", 2, Anywhere, ANY, Chosen),
    new("creds", 2, Anywhere, WORD, Chosen),
    new("psk", 0, ALONE, WORD, Chosen),
    new("token", 1, Anywhere, WORD, Made),
    new("key", 0, Behind(KEYS), ANY, Made),
    new("masterauth", 3, Anywhere, WORD, Chosen),
    new("auth", 1, Anywhere, Name(&[]), Made),
    new("authorization", 1, Anywhere, WORD, Authorization),
    new("jwt", 0, ALONE, WORD, Made),
    new("sas", 0, ALONE, WORD, Long),
    new("csrf", 1, Anywhere, WORD, Made),
    new("xsrf", 1, Anywhere, WORD, Made),
    new("session", 2, Anywhere, With(&["id"]), Made),
    new("session", 2, ALONE, WORD, Long),
    new("sessid", 2, Anywhere, WORD, Made),
    new("sid", 0, ALONE, WORD, Long),
    new("cookie", 2, Anywhere, WORD, Cookie),
    new("samlresponse", 1, ALONE, WORD, Made),
    new("samlrequest", 1, ALONE, WORD, Made),
    new(
        "signature",
        0,
        Query(&["sharedaccess", "amz", "goog"]),
        WORD,
        Made,
    ),
    new("sig", 0, Query(&[]), WORD, Made),
    new("key", 0, Query(&[]), WORD, Long),
    new("code", 0, Query(&[]), WORD, Long),
    new("credential", 2, Query(&["amz", "goog"]), WORD, Made),
    new("otp", 0, Begins::Word(&["t", "h"]), Name(&["code"]), Code),
    new("pin", 0, ALONE, Name(&["code"]), Code),
    new("mfa", 0, ALONE, With(&["code"]), Code),
    new("2fa", 0, ALONE, With(&["code"]), Code),
    new("code", 0, Behind(CODES), WORD, Code),
    new("mnemonic", 1, Anywhere, WORD, Phrase),
    new(
        "phrase",
        0,
        Behind(&["backup", "mnemonic", "recovery", "seed"]),
        WORD,
        Phrase,
    ),
];

const fn new(
    text: &'static str,
    lead: usize,
    begins: Begins,
    ends: Boundary,
    kind: SecretKind,
) -> Stem {
    Stem {
        text,
        lead,
        begins,
        ends,
        kind,
    }
}

impl Stem {
    /// Returns the name that has this word, given the place of its three rarest bytes.
    pub(super) fn name_at(&self, text: RemainingText<'_>, at: usize) -> Option<NameMatch> {
        let stem = at.checked_sub(self.lead)?;
        if !text.has_word(stem, self.text) {
            return None;
        }
        let stem_end = stem + self.text.len();
        let mut start = text.start_within(stem, NAME_BYTES_MAX, is_of_name);
        let end = text.end_within(stem_end, NAME_BYTES_MAX, is_of_name);
        // An arrow, as in `password->x`, is no part of it.
        let is_arrow =
            text.byte(end) == Some(b'>') && end > stem_end && text.before(end) == Some(b'-');
        let end = end - usize::from(is_arrow);
        if end - stem_end == NAME_BYTES_MAX
            || !self.may_be_joined(text, start, end)
            || is_in_mark(text, start)
        {
            return None;
        }
        start = self.begin(text, start, stem)?;
        let tail = text.get(stem_end..end);
        if !self.may_end_with(text, stem, tail) || is_public(text.get(start..stem)) {
            return None;
        }
        let last = last_word(tail);
        if is_one_of(last, ABOUT) || is_one_of(last, ABOUT_IN_TEXTS) {
            return None;
        }
        let whole = text.get(start..end);
        let may_count = tail.first().is_some_and(|next| !next.is_ascii_digit());
        Some(NameMatch {
            start,
            end,
            opening: text.start_within(start, CLOSERS_MAX, |byte| is_quote(byte) || byte == b'\\'),
            closed: closers_end(text, end),
            kind: self.kind,
            may_count: match self.kind {
                Made | Cookie => may_count,
                Chosen => self.text == "pass" || tail.eq_ignore_ascii_case(b"s"),
                Long | Code | Phrase | Authorization => false,
            },
            stem: self.text,
            is_bare: end - stem_end <= 1
                && text.get(start..stem).iter().all(u8::is_ascii_lowercase),
            // A directory that shells keep in a variable has the same name as a password.
            may_be_path: is_one_of(last, PATHS)
                || is_word(whole, "pwd")
                || is_word(whole, "oldpwd"),
        })
    }

    /// Tells quickly whether a value may be joined to a name: most words of a sentence are followed by others.
    fn may_be_joined(&self, text: RemainingText<'_>, start: usize, end: usize) -> bool {
        let at = text.end_within(end, BLANKS_MAX, |byte| byte == b' ');
        let is_word = text.is(at, |byte| byte.is_ascii_alphanumeric());
        let is_flag = text.byte(start) == Some(b'-');
        at < text.len() && (!is_word || is_flag || matches!(self.kind, Chosen | Code) && at > end)
    }

    /// Returns where the name begins, if what stands before the word makes it that of a secret.
    fn begin(&self, text: RemainingText<'_>, start: usize, stem: usize) -> Option<usize> {
        let before = text.get(start..stem);
        let is_first = !text.is_inside_word(stem)
            || text.is(stem, |byte| byte.is_ascii_uppercase())
                && text.is_before(stem, |byte| !byte.is_ascii_uppercase());
        let is_behind = |words: &[&str]| words.iter().any(|word| ends_with(before, word));
        match self.begins {
            Anywhere => Some(start),
            Begins::Word(words) => (is_first || is_behind(words)).then_some(start),
            Query(words) => {
                let is_of_query = text.is_before(start, |byte| matches!(byte, b'?' | b'&'));
                let is_own = before.is_empty() && is_of_query;
                let joint = before.strip_suffix(b"-").unwrap_or(before);
                let is_shared = words.iter().any(|word| ends_with(joint, word));
                (is_own || is_shared).then_some(start)
            }
            Behind(words) => {
                let joint = match before {
                    [joint @ .., b'_' | b'-' | b'.'] => joint,
                    _ => before,
                };
                if joint.is_empty() {
                    // In two words, as in `API key: x`.
                    let blank = stem.checked_sub(1).filter(|_| before.is_empty())?;
                    let start = text.start_within(blank, NAME_BYTES_MAX, is_of_name);
                    let word = text.get(start..blank);
                    let is_one = text.byte(blank) == Some(b' ')
                        && is_one_of(last_word(word), words)
                        && !is_in_mark(text, start);
                    return is_one.then_some(start);
                }
                (is_one_of(last_word(joint), words) && (is_first || joint.len() == before.len()))
                    .then_some(start)
            }
        }
    }

    /// Returns `true` if what goes on behind the word leaves it one.
    fn may_end_with(&self, text: RemainingText<'_>, stem: usize, tail: &[u8]) -> bool {
        let rest = match tail {
            [b'_' | b'-' | b'.', rest @ ..] => rest,
            _ => tail,
        };
        let is_upper = text.is(stem + self.text.len() - 1, |byte| byte.is_ascii_uppercase());
        let goes_on = |rest: &[u8]| {
            rest.first().is_some_and(|next| {
                next.is_ascii_lowercase() || next.is_ascii_uppercase() && is_upper || *next >= 0x80
            })
        };
        let starts_with = |word: &&str| {
            let start = rest.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        };
        match self.ends {
            Boundary::Anywhere => true,
            Boundary::Word => {
                let plural = match tail {
                    [b's' | b'S', rest @ ..] => rest,
                    _ => tail,
                };
                !goes_on(plural) && (self.kind != Cookie || plural.iter().all(u8::is_ascii_digit))
            }
            Boundary::NoLetter => {
                (tail.first()).is_none_or(|next| !next.is_ascii_alphabetic() && *next < 0x80)
            }
            Name(words) => rest.iter().all(u8::is_ascii_digit) || words.iter().any(starts_with),
            Not(words) => !words.iter().any(starts_with),
            With(words) => words.iter().any(starts_with),
        }
    }
}

/// Returns `true` if what stands before a word in a name says that it is no secret.
fn is_public(before: &[u8]) -> bool {
    let mut parts = before.windows("public".len());
    parts.any(|part| is_word(part, "public"))
        || is_word(before, "no")
        || ends_with(before, "_no_")
        || is_word(before, "has_")
}

/// Returns `true` if what looks like a name is what a rule put there. Behind a letter or digit brackets are
/// rather a part of a name, as in `params[token]`.
fn is_in_mark(text: RemainingText<'_>, start: usize) -> bool {
    text.is_before(start, |byte| byte == b'[')
        && mark_bytes(text.from(start - 1)).is_some()
        && !text.is_before(start - 1, |byte| byte.is_ascii_alphanumeric())
}

/// Returns the last word of what goes on behind a word: in `_min_length`, `length`; in `ExpiresIn`, `In`.
fn last_word(tail: &[u8]) -> &[u8] {
    let start = (0..tail.len()).rev().find(|&at| is_start_of_word(tail, at));
    tail.get(start.unwrap_or(0)..).unwrap_or_default()
}

/// Returns `true` if a word of a name begins at a place in it.
fn is_start_of_word(name: &[u8], at: usize) -> bool {
    let byte = |at: usize| name.get(at).copied().unwrap_or(0);
    let Some(before) = at.checked_sub(1).map(byte) else {
        return true;
    };
    byte(at).is_ascii_alphanumeric()
        && (!before.is_ascii_alphanumeric()
            || byte(at).is_ascii_uppercase() && !before.is_ascii_uppercase())
}

fn is_word(bytes: &[u8], word: &str) -> bool {
    bytes.eq_ignore_ascii_case(word.as_bytes())
}

fn ends_with(bytes: &[u8], word: &str) -> bool {
    bytes
        .len()
        .checked_sub(word.len())
        .and_then(|at| bytes.get(at..))
        .is_some_and(|end| is_word(end, word))
}

/// Returns `true` if a byte belongs to a name, or to the dashes before a flag.
const fn is_of_name(byte: u8) -> bool {
    is_url_safe(byte) || byte == b'.' || byte >= 0x80
}

/// Returns where quotes and brackets end that stand between a name and its separator.
pub(super) fn closers_end(text: RemainingText<'_>, from: usize) -> usize {
    let end = text.end_within(from, CLOSERS_MAX, |byte| {
        is_quote(byte) || matches!(byte, b'\\' | b']')
    });
    let encoded = ["&quot;", "&#34;", "&#39;", "%5D", "%5d", "%22"];
    text.after_any(end, &encoded).unwrap_or(end)
}

/// A name's quote, escaped four times over, and the bracket after it.
pub(super) const CLOSERS_MAX: usize = 18;

/// How far a name goes on at most before and after a word. The longest names of variables that people
/// use have half of that.
const NAME_BYTES_MAX: usize = 64;
