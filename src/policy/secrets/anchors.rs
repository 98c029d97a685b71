//! Where in a text rules look closer. Of each kind of secret three bytes in a row are known, its
//! fingerprint, and a table says for each byte at each of the three which kinds it belongs to: a place
//! is an anchor if one kind is left after all three. That is three look-ups for each byte, which do not
//! wait for each other, and no case to fold.
//!
//! No fingerprint needs a byte that a JSON string escapes, except the backslash, which stays one of two.

use super::assignment::Word;
use super::token::{Scheme, Shape};

/// A kind of place to look closer at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// In the name of a secret.
    Word(Word),
    /// In what announces a token.
    Scheme(Scheme),
    /// In the beginning of a token of that shape.
    Shape(&'static Shape),
    /// The beginning of a JSON web token.
    WebToken,
    /// At the end of the dashes before a private key.
    PrivateKey,
    /// `://`.
    Url,
    /// A byte before an `@`.
    Email,
    /// The flag that takes a user and a password.
    UserFlag,
    /// A digit before a dot and a digit.
    Ipv4,
    /// Colons and hexadecimal digits.
    Ipv6,
    /// The beginning of a directory of homes.
    Homes,
    /// In the owner's home directory.
    Home,
    /// In the owner's name.
    User,
}

/// Which bytes are possible in each of three places; none said is any.
pub(super) type Fingerprint<'a> = [&'a [u8]; 3];

/// The table of the fingerprints.
#[derive(Debug)]
pub(super) struct Anchors {
    table: Box<Table>,
}

/// For each of three places and each byte, the kinds that may have it there.
type Table = [[u32; 256]; 3];

/// Kinds whose fingerprints match at one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hits(u32);

impl Anchors {
    pub(super) fn new(home: Option<Fingerprint<'_>>, user: Option<Fingerprint<'_>>) -> Self {
        let mut table = Box::new(SHIPPED);
        for (kind, fingerprint) in [home, user].into_iter().enumerate() {
            for (place, bytes) in table.iter_mut().zip(fingerprint.into_iter().flatten()) {
                let any = if bytes.is_empty() { place.len() } else { 0 };
                for kinds in place.iter_mut().take(any) {
                    *kinds |= 1 << kind;
                }
                for &byte in bytes {
                    if let Some(kinds) = place.get_mut(usize::from(byte)) {
                        *kinds |= 1 << kind;
                    }
                }
            }
        }
        Self { table }
    }

    /// Returns the first anchor from a place on.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, Hits)> {
        let rest = text.get(from..)?;
        let at = rest
            .windows(3)
            .position(|window| self.hits(window) != Hits::NONE);
        if let Some(at) = at {
            return Some((from + at, self.hits(rest.get(at..)?)));
        }
        // A name of two bytes may be all that is left.
        let last = text.len().checked_sub(2)?.max(from);
        let hits = self.hits(text.get(last..)?);
        (hits != Hits::NONE).then_some((last, hits))
    }

    fn hits(&self, window: &[u8]) -> Hits {
        let [first, second, third] = &*self.table;
        let of = |kinds: &[u32; 256], byte: u8| kinds.get(usize::from(byte)).copied().unwrap_or(0);
        Hits(match *window {
            [a, b, c, ..] => of(first, a) & of(second, b) & of(third, c),
            [a, b] => of(first, a) & of(second, b) & of(third, 0),
            [] | [_] => 0,
        })
    }
}

impl Hits {
    const NONE: Self = Self(0);
}

impl Iterator for Hits {
    type Item = Anchor;

    fn next(&mut self) -> Option<Anchor> {
        if *self == Self::NONE {
            return None;
        }
        let kind = self.0.trailing_zeros() as usize;
        // Takes away the lowest bit.
        self.0 &= self.0 - 1;
        match kind {
            0 => Some(Anchor::Home),
            1 => Some(Anchor::User),
            shipped => KINDS.get(shipped - OWN_KINDS).map(|(anchor, _)| *anchor),
        }
    }
}

/// The shipped kinds, each with the rarest three bytes that all its secrets have. Where several match,
/// the first is asked first, and the owner's home and name before all. So at most 30 fit into 32 bits.
const KINDS: &[(Anchor, Fingerprint<'static>)] = &[
    (Anchor::Word(Word::Password), [b"sS", b"sS", b"wW"]),
    (Anchor::Word(Word::Passphrase), [b"sS", b"sS", b"pP"]),
    (Anchor::Word(Word::Pwd), [b"pP", b"wW", b"dD"]),
    (Anchor::Word(Word::Secret), [b"eE", b"cC", b"rR"]),
    (Anchor::Word(Word::Token), [b"oO", b"kK", b"eE"]),
    (Anchor::Word(Word::Key), [b"kK", b"eE", b"yY"]),
    (Anchor::Word(Word::Credential), [b"eE", b"dD", b"eE"]),
    (Anchor::Word(Word::Auth), [b"uU", b"tT", b"hH"]),
    (Anchor::Word(Word::Pass), [b"pP", b"aA", b"sS"]),
    (Anchor::Word(Word::Cookie), [b"oO", b"kK", b"iI"]),
    (Anchor::Word(Word::Signature), [b"sS", b"iI", b"gG"]),
    (Anchor::Scheme(Scheme::Bearer), [b"bB", b"eE", b"aA"]),
    (Anchor::Scheme(Scheme::Basic), [b"sS", b"iI", b"cC"]),
    (Anchor::Shape(&Shape::GITHUB), [b"h", b"pousr", b"_"]),
    (Anchor::Shape(&Shape::GITHUB_FINE), [b"u", b"b", b"_"]),
    (Anchor::Shape(&Shape::GITLAB), [b"l", b"p", b"a"]),
    (Anchor::Shape(&Shape::SLACK), [b"x", b"o", b"x"]),
    (Anchor::Shape(&Shape::AWS), [b"KS", b"I", b"A"]),
    (Anchor::Shape(&Shape::GOOGLE), [b"I", b"z", b"a"]),
    (Anchor::Shape(&Shape::SK), [b"s", b"k", b"-"]),
    (Anchor::Shape(&Shape::STRIPE), [b"k", b"_", b"l"]),
    (Anchor::Shape(&Shape::NPM), [b"p", b"m", b"_"]),
    (Anchor::WebToken, [b"e", b"y", b"J"]),
    (Anchor::PrivateKey, [b"-", b"B", b"E"]),
    (Anchor::Url, [b":", b"/", b"/"]),
    (Anchor::UserFlag, [b"-", b"uU", b" =\t\\sS"]),
    (Anchor::Email, [b"", b"@", b""]),
    (Anchor::Ipv4, [b"0123456789", b".", b"0123456789"]),
    (
        Anchor::Ipv6,
        [b":0123456789abcdefABCDEF", b":", b":0123456789abcdefABCDEF"],
    ),
    (Anchor::Homes, [b"/\\", b"hHuU", b"oOsS"]),
];

/// The kinds before the shipped ones: the owner's home and name.
const OWN_KINDS: usize = 2;

/// The table of the shipped kinds. A program that records one event is over before it has made it.
const SHIPPED: Table = table_of(KINDS);

#[expect(
    clippy::indexing_slicing,
    reason = "it runs when this is compiled, and what is out of bounds does not compile"
)]
const fn table_of(kinds: &[(Anchor, Fingerprint<'static>)]) -> Table {
    let mut table = [[0; 256]; 3];
    let mut kind = 0;
    while kind < kinds.len() {
        let mut place = 0;
        while place < table.len() {
            let bytes = kinds[kind].1[place];
            let mut at = 0;
            while at < bytes.len() {
                table[place][bytes[at] as usize] |= 1 << (kind + OWN_KINDS);
                at += 1;
            }
            // None said is any.
            let mut any = if bytes.is_empty() { 0 } else { 256 };
            while any < 256 {
                table[place][any] |= 1 << (kind + OWN_KINDS);
                any += 1;
            }
            place += 1;
        }
        kind += 1;
    }
    table
}
