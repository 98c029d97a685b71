//! Where in a text rules look closer. Of each kind of secret three bytes in a row are known, its
//! fingerprint, and a table says for each byte at each of the three which kinds it belongs to: a place
//! is an anchor if a kind is left after all three. That is three look-ups for each byte, which do not
//! wait for each other, and no case to fold.
//!
//! Kinds of which there are many, names and shapes of tokens, share bits, by what their fingerprints hash to;
//! a hit compares with the few that share one. No fingerprint needs a byte that a JSON string escapes, except
//! the backslash, which stays one of two.

use super::name::{STEMS, Stem};
use super::shape::{SHAPES, Shape};

/// A kind of place to look closer at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// In the name of a secret.
    Name(&'static Stem),
    /// In what a token of that shape begins with.
    Shape(&'static Shape),
    /// Any other kind.
    Other(Other),
    /// In the owner's home directory.
    Home,
    /// In the owner's name.
    User,
}

/// The kinds that are no names and have no shape of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// In `Bearer`.
    Bearer,
    /// In `Basic`.
    Basic,
    /// The beginning of a JSON web token.
    WebToken,
    /// In `"kty"`, which each JSON web key has.
    WebKey,
    /// A dollar before the hash of a password.
    Hash,
    /// In `hooks`, of an address that is a secret itself.
    Webhook,
    /// `BEG`, of a key in armour.
    Armour,
    /// In the first line of a key of `PuTTY`.
    Putty,
    /// `://`, or `:\/\/`.
    Url,
    /// A byte before an `@`.
    Email,
    /// `%40`.
    EncodedEmail,
    /// The dash of a flag that may take a user and a password.
    Flag,
    /// In a command of a protocol or of SQL that takes a password.
    Command,
    /// A colon before the port of a database, in a line of a password file.
    PasswordFile,
    /// A digit before a dot and a digit.
    Ipv4,
    /// Colons and hexadecimal digits.
    Ipv6,
    /// The beginning of a directory of homes.
    Homes,
}

/// Which bytes are possible in each of three places; none said is any.
pub(super) type Fingerprint<'a> = [&'a [u8]; 3];

/// The table of the fingerprints.
#[derive(Debug)]
pub(super) struct Anchors {
    table: Box<Table>,
}

/// For each of three places and each byte, the kinds that may have it there.
type Table = [[u64; 256]; 3];

/// Bits of the kinds whose fingerprints match at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hits(u64);

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
        let of = |kinds: &[u64; 256], byte: u8| kinds.get(usize::from(byte)).copied().unwrap_or(0);
        Hits(match *window {
            [a, b, c, ..] => of(first, a) & of(second, b) & of(third, c),
            [a, b] => of(first, a) & of(second, b) & of(third, 0),
            [] | [_] => 0,
        })
    }
}

impl Hits {
    const NONE: Self = Self(0);

    /// Asks about all that a place with these bits may be, until there is an answer.
    pub(super) fn find<T>(
        self,
        text: &[u8],
        at: usize,
        mut ask: impl FnMut(Anchor) -> Option<T>,
    ) -> Option<T> {
        let byte = |at: usize| text.get(at).copied().unwrap_or(0);
        let window = [byte(at), byte(at + 1), byte(at + 2)];
        let mut bits = self.0;
        while bits != 0 {
            let bit = bits.trailing_zeros() as usize;
            // Takes away the lowest bit.
            bits &= bits - 1;
            if let Some(members) = bit
                .checked_sub(FIRST_SHARED)
                .and_then(|bit| SHARED.get(bit))
            {
                for member in members {
                    if member.number == NO_MEMBER {
                        break;
                    }
                    if let Some(found) = member.anchor_at(window).and_then(&mut ask) {
                        return Some(found);
                    }
                }
                continue;
            }
            let anchor = match bit {
                0 => Anchor::Home,
                1 => Anchor::User,
                _ => Anchor::Other(OTHERS.get(bit - OWN_BITS)?.0),
            };
            if let Some(found) = ask(anchor) {
                return Some(found);
            }
        }
        None
    }
}

/// The kinds that have a bit of their own, each with the rarest three bytes that all its secrets have. Where
/// several match, the first is asked first, and the owner's home and name before all.
const OTHERS: &[(Other, Fingerprint<'static>)] = &[
    (Other::Bearer, [b"bB", b"eE", b"aA"]),
    (Other::Basic, [b"sS", b"iI", b"cC"]),
    (Other::WebToken, [b"e", b"y", b"J"]),
    (Other::WebKey, [b"k", b"t", b"y"]),
    (Other::Hash, [b"$", b"1256ay", b"$abpry"]),
    (Other::Webhook, [b"h", b"o", b"o"]),
    (Other::Armour, [b"B", b"E", b"G"]),
    (Other::Putty, [b"u", b"T", b"T"]),
    (Other::Url, [b":", b"/\\", b"/"]),
    (Other::Flag, [b"-", b"aAkKpPuUwW", b""]),
    (Other::Command, [b"A", b"U", b"T"]),
    (Other::Command, [b"P", b"A", b"S"]),
    (Other::Command, [b"L", b"O", b"G"]),
    (Other::Command, [b"dD", b" ", b"bB"]),
    (Other::PasswordFile, [b":", b"56", b"4"]),
    (Other::Email, [b"", b"@", b""]),
    (Other::EncodedEmail, [b"%", b"4", b"0"]),
    (Other::Ipv4, [b"0123456789", b".", b"0123456789"]),
    (
        Other::Ipv6,
        [b":0123456789abcdefABCDEF", b":", b":0123456789abcdefABCDEF"],
    ),
    (Other::Homes, [b"/\\", b"hHuU", b"oOsS"]),
];

/// The bits before the shipped ones: the owner's home and name.
const OWN_BITS: usize = 2;

/// The first bit that names and shapes share.
const FIRST_SHARED: usize = OWN_BITS + OTHERS.len();

/// How many bits names and shapes share.
const SHARED_BITS: usize = 64 - FIRST_SHARED;

/// How many names and shapes may share a bit; one more does not compile.
const MEMBERS_MAX: usize = 16;

/// Who has which of the bits that are shared.
type SharedBits = [[Member; MEMBERS_MAX]; SHARED_BITS];

/// A name or a shape.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// As it is in the name's or shape's text; a missing byte is 0.
    fingerprint: [u8; 3],
    /// The names come first.
    number: u8,
}

/// The number of a free place in the table.
const NO_MEMBER: u8 = u8::MAX;

impl Member {
    /// Returns what it is, if it has the fingerprint of a place.
    fn anchor_at(self, window: [u8; 3]) -> Option<Anchor> {
        // Letters of any case differ in one bit only; who looks closer tells them apart.
        let is_same = self
            .fingerprint
            .into_iter()
            .zip(window)
            .all(|(own, byte)| own == 0 || (own ^ byte) & !0x20 == 0);
        if !is_same {
            return None;
        }
        let number = usize::from(self.number);
        match STEMS.get(number) {
            Some(stem) => Some(Anchor::Name(stem)),
            None => SHAPES.get(number - STEMS.len()).map(Anchor::Shape),
        }
    }
}

/// The tables of the shipped kinds. A program that records one event is over before it has made them.
const SHIPPED: Table = tables().0;
const SHARED: SharedBits = tables().1;

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "it runs when this is compiled, what is out of bounds does not compile, and there are few of each"
)]
const fn tables() -> (Table, SharedBits) {
    let mut table = [[0; 256]; 3];
    let none = Member {
        fingerprint: [0; 3],
        number: NO_MEMBER,
    };
    let mut shared = [[none; MEMBERS_MAX]; SHARED_BITS];
    // How many bytes each shared bit has at each place.
    let mut sizes = [[0; 3]; SHARED_BITS];
    add_others(&mut table);
    let mut number = 0;
    while number < STEMS.len() + SHAPES.len() {
        let fingerprint = fingerprint_of(number);
        let has_any_case = number < STEMS.len();
        let bit = best_bit(&table, &sizes, fingerprint);
        let mut place = 0;
        while place < 3 {
            let own = fingerprint[place];
            let is_missing = own == 0;
            let mut byte = if is_missing { 0 } else { own as usize };
            let last = if is_missing { 255 } else { own as usize };
            while byte <= last {
                let next = byte as u8;
                // Behind a shorter text comes what ends a name, or goes on in a token.
                let may_follow = if has_any_case {
                    !next.is_ascii_alphabetic()
                } else {
                    next.is_ascii_graphic()
                };
                if !is_missing || may_follow {
                    sizes[bit][place] += add(&mut table[place][byte], bit);
                }
                byte += 1;
            }
            if has_any_case {
                let upper = own.to_ascii_uppercase() as usize;
                sizes[bit][place] += add(&mut table[place][upper], bit);
            }
            place += 1;
        }
        let mut free = 0;
        while shared[bit][free].number != NO_MEMBER {
            free += 1;
        }
        shared[bit][free] = Member {
            fingerprint,
            number: number as u8,
        };
        number += 1;
    }
    (table, shared)
}

#[expect(
    clippy::indexing_slicing,
    reason = "it runs when this is compiled, and what is out of bounds does not compile"
)]
const fn add_others(table: &mut Table) {
    let mut kind = 0;
    while kind < OTHERS.len() {
        let mut place = 0;
        while place < table.len() {
            let bytes = OTHERS[kind].1[place];
            let mut at = 0;
            while at < bytes.len() {
                table[place][bytes[at] as usize] |= 1 << (kind + OWN_BITS);
                at += 1;
            }
            // None said is any.
            let mut any = if bytes.is_empty() { 0 } else { 256 };
            while any < 256 {
                table[place][any] |= 1 << (kind + OWN_BITS);
                any += 1;
            }
            place += 1;
        }
        kind += 1;
    }
}

/// Adds a shared bit to those of a byte, and says how many that adds.
const fn add(bits: &mut u64, bit: usize) -> usize {
    let bit = 1 << (bit + FIRST_SHARED);
    let is_new = *bits & bit == 0;
    *bits |= bit;
    is_new as usize
}

/// Returns the shared bit under which a fingerprint adds the fewest places that only look like its own: bytes of
/// one go with those of the others.
#[expect(
    clippy::indexing_slicing,
    reason = "it runs when this is compiled, and what is out of bounds does not compile"
)]
const fn best_bit(table: &Table, sizes: &[[usize; 3]; SHARED_BITS], fingerprint: [u8; 3]) -> usize {
    let (mut best, mut fewest) = (0, usize::MAX);
    let mut bit = 0;
    while bit < SHARED_BITS {
        let (mut before, mut after) = (1, 1);
        let mut place = 0;
        while place < 3 {
            let bits = table[place][fingerprint[place] as usize];
            let has = sizes[bit][place];
            let is_new = bits & 1 << (bit + FIRST_SHARED) == 0;
            before *= has;
            after *= has + is_new as usize;
            place += 1;
        }
        if after - before < fewest {
            fewest = after - before;
            best = bit;
        }
        bit += 1;
    }
    best
}

#[expect(
    clippy::indexing_slicing,
    reason = "it runs when this is compiled, and what is out of bounds does not compile"
)]
const fn fingerprint_of(number: usize) -> [u8; 3] {
    let (text, lead) = if number < STEMS.len() {
        (STEMS[number].text.as_bytes(), STEMS[number].lead)
    } else {
        let shape = &SHAPES[number - STEMS.len()];
        (shape.marker.as_bytes(), shape.lead)
    };
    let last = if lead + 2 < text.len() {
        text[lead + 2]
    } else {
        0
    };
    [text[lead], text[lead + 1], last]
}
