//! The search for positions at which rules are applied. Each kind of secret has a fingerprint of
//! three consecutive bytes. A table contains, for each byte at each of the three places, the kinds
//! that it belongs to: a position is an anchor if a kind remains after all three. That takes three
//! independent look-ups for each byte, and no case folding.
//!
//! Names and shapes of tokens are many, so they share bits with those of similar fingerprints; a
//! hit is compared with the few that share its bit. No fingerprint needs a byte that a JSON string
//! escapes, except the backslash, of which one remains when it is doubled.

use std::ops::Range;

use super::name::{STEMS, Stem};
use super::shape::{SHAPES, Shape};
use super::text::RemainingText;
use super::{SecretRule, address, armour, command, flag, path, token};

use SecretRule::{Assignment, Email, IpAddress, PrivateKey, Token, UserInfo};

/// A kind of position at which a rule is applied.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// In the name of a secret.
    Name(&'static Stem),
    /// In the beginning of a token of that shape.
    Shape(&'static Shape),
    /// Any other kind.
    Other(&'static Other),
    /// In the owner's home directory.
    Home,
    /// In the owner's name.
    User,
}

/// A kind other than a name or a shape.
#[derive(Debug)]
pub(super) struct Other {
    /// The rarest three bytes that all secrets of the kind contain.
    fingerprint: Fingerprint<'static>,
    pub(super) rule: SecretRule,
    /// Finds the secret, given the position of the first of the three bytes.
    pub(super) find: fn(RemainingText<'_>, usize) -> Option<Range<usize>>,
}

/// The bytes that are possible at each of three places; an empty list means any.
type Fingerprint<'a> = [&'a [u8]; 3];

/// The table of the fingerprints.
#[derive(Debug)]
pub(super) struct Anchors {
    table: Box<Table>,
}

/// For each of three places and each byte, the kinds that may have it there.
type Table = [[u64; 256]; 3];

/// Bits of the kinds whose fingerprints match at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hits(u64);

impl Anchors {
    pub(super) fn new(home: Option<Fingerprint<'_>>, user: Option<Fingerprint<'_>>) -> Self {
        let mut table = Box::new(SHIPPED);
        for (bit, fingerprint) in [(HOME_BIT, home), (USER_BIT, user)] {
            if let Some(fingerprint) = fingerprint {
                add(&mut table, bit, fingerprint);
            }
        }
        Self { table }
    }

    /// Returns the first anchor at or after a position.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, Hits)> {
        let rest = text.get(from..)?;
        let at = rest
            .windows(3)
            .position(|window| self.hits(window) != Hits::NONE);
        if let Some(at) = at {
            return Some((from + at, self.hits(rest.get(at..)?)));
        }
        // The rest may be a name of two bytes.
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

    /// Calls `find` for all kinds of anchors that these bits may stand for, until it returns a
    /// result.
    pub(super) fn find<T>(
        self,
        text: RemainingText<'_>,
        at: usize,
        mut find: impl FnMut(Anchor) -> Option<T>,
    ) -> Option<T> {
        let window = [0, 1, 2].map(|place| text.byte(at + place).unwrap_or(0));
        let mut bits = self.0;
        while bits != 0 {
            let bit = bits.trailing_zeros() as usize;
            // Clears the lowest bit.
            bits &= bits - 1;
            let found = if bit == HOME_BIT {
                find(Anchor::Home)
            } else if bit == USER_BIT {
                find(Anchor::User)
            } else if let Some(other) = OTHERS.get(bit - OWN_BITS) {
                find(Anchor::Other(other))
            } else {
                let members = SHARED.get(bit - FIRST_SHARED)?.iter();
                let mut members = members.map_while(|member| *member);
                members.find_map(|member| find(member.anchor_at(window)?))
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// The kinds that have a bit of their own. Where several match, the first is checked first, and the
/// owner's home and name before all of them.
const OTHERS: &[Other] = &[
    // In `Bearer` and `Basic`.
    other([b"bB", b"eE", b"aA"], Token, token::find_bearer),
    other([b"sS", b"iI", b"cC"], Token, token::find_basic),
    // The beginning of a JSON web token.
    other([b"e", b"y", b"J"], Token, token::find_web_token),
    // In `"kty"`, which each JSON web key has.
    other([b"k", b"t", b"y"], PrivateKey, armour::find_web_key),
    // A dollar before the hash of a password.
    other([b"$", b"1256ay", b"$abpry"], Token, token::find_hash),
    // In `hooks`, of an address that is itself a secret.
    other([b"h", b"o", b"o"], Token, token::find_webhook),
    // `BEGIN`, of a key in armour, and the first line of a key of `PuTTY`.
    other([b"B", b"E", b"G"], PrivateKey, armour::find),
    other([b"u", b"T", b"T"], PrivateKey, armour::find_putty),
    // `://`, or `:\/\/`.
    other([b":", b"/\\", b"/"], UserInfo, address::find_user_info),
    // The dash of a flag that may take a password, or a user and a password.
    other([b"-", b"aAkKpPuUwW", b""], UserInfo, flag::find),
    // In a command of a protocol that takes a password, and in `IDENTIFIED BY` of SQL.
    other([b"A", b"U", b"T"], Assignment, command::find_command),
    other([b"P", b"A", b"S"], Assignment, command::find_command),
    other([b"L", b"O", b"G"], Assignment, command::find_command),
    other([b"dD", b" ", b"bB"], Assignment, command::find_identified),
    // A colon before the port of a database, in a line of a password file.
    other([b":", b"56", b"4"], Assignment, command::find_in_file),
    // A byte before an `@`, and `%40`.
    other([b"", b"@", b""], UserInfo, address::find_password),
    other([b"", b"@", b""], Email, address::find_email),
    other([b"%", b"4", b"0"], Email, address::find_email),
    other([DIGITS, b".", DIGITS], IpAddress, address::find_ipv4),
    other([IPV6, b":", IPV6], IpAddress, address::find_ipv6),
    // The beginning of a directory of homes.
    other(
        [b"/\\", b"hHuU", b"oOsS"],
        SecretRule::User,
        path::find_in_homes,
    ),
];

const DIGITS: &[u8] = b"0123456789";

/// The bytes between the colons of an IPv6 address.
const IPV6: &[u8] = b":0123456789abcdefABCDEF";

const fn other(
    fingerprint: Fingerprint<'static>,
    rule: SecretRule,
    find: fn(RemainingText<'_>, usize) -> Option<Range<usize>>,
) -> Other {
    Other {
        fingerprint,
        rule,
        find,
    }
}

/// The bits of the owner's home and name.
const HOME_BIT: usize = 0;
const USER_BIT: usize = 1;

/// Number of bits before the shipped ones.
const OWN_BITS: usize = 2;

/// The first bit that names and shapes share.
const FIRST_SHARED: usize = OWN_BITS + OTHERS.len();

/// Number of bits that names and shapes share.
const SHARED_BITS: usize = 64 - FIRST_SHARED;

/// The maximal number of names and shapes that share a bit; more do not compile.
const MEMBERS_MAX: usize = 16;

/// The members of each shared bit.
type SharedBits = [[Option<Member>; MEMBERS_MAX]; SHARED_BITS];

/// A name or a shape.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// The bytes as in the text of the name or shape; a missing byte is 0.
    fingerprint: [u8; 3],
    /// Its index; names come first.
    number: u8,
}

impl Member {
    /// Returns the anchor, if its fingerprint matches the bytes at a position.
    fn anchor_at(self, window: [u8; 3]) -> Option<Anchor> {
        // Letters that differ in case differ in one bit only; the rule distinguishes them.
        let mut bytes = self.fingerprint.into_iter().zip(window);
        let is_same = bytes.all(|(own, byte)| own == 0 || (own ^ byte) & !0x20 == 0);
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

/// The tables of the shipped kinds. They are constants, since a program that records one event
/// would end before it had built them.
const SHIPPED: Table = tables().0;
const SHARED: SharedBits = tables().1;

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "it runs at compile time, an index out of bounds does not compile, and there are few of each"
)]
const fn tables() -> (Table, SharedBits) {
    let mut table = [[0; 256]; 3];
    let mut shared = [[None; MEMBERS_MAX]; SHARED_BITS];
    let mut sizes = [0; SHARED_BITS];
    let mut kind = 0;
    while kind < OTHERS.len() {
        add(&mut table, OWN_BITS + kind, OTHERS[kind].fingerprint);
        kind += 1;
    }
    let mut number = 0;
    while number < STEMS.len() + SHAPES.len() {
        let fingerprint = fingerprint_of(number);
        let bit = best_bit(&table, &sizes, fingerprint);
        add_exact(&mut table, FIRST_SHARED + bit, fingerprint);
        if number < STEMS.len() {
            let [first, second, third] = fingerprint;
            let upper = [
                first.to_ascii_uppercase(),
                second.to_ascii_uppercase(),
                third.to_ascii_uppercase(),
            ];
            add_exact(&mut table, FIRST_SHARED + bit, upper);
        }
        shared[bit][sizes[bit]] = Some(Member {
            fingerprint,
            number: number as u8,
        });
        sizes[bit] += 1;
        number += 1;
    }
    (table, shared)
}

/// Adds a bit to the bytes of a fingerprint.
#[expect(
    clippy::indexing_slicing,
    reason = "the places are those of the table, which contains all bytes"
)]
const fn add(table: &mut Table, bit: usize, fingerprint: Fingerprint<'_>) {
    let mut place = 0;
    while place < table.len() {
        let bytes = fingerprint[place];
        let mut at = 0;
        while at < bytes.len() {
            table[place][bytes[at] as usize] |= 1 << bit;
            at += 1;
        }
        let mut any = if bytes.is_empty() { 0 } else { 256 };
        while any < 256 {
            table[place][any] |= 1 << bit;
            any += 1;
        }
        place += 1;
    }
}

/// Adds a bit to each byte of a fingerprint; one that is missing may be any.
const fn add_exact(table: &mut Table, bit: usize, [first, second, third]: [u8; 3]) {
    let known = &[third];
    let third: &[u8] = if third == 0 { &[] } else { known };
    add(table, bit, [&[first], &[second], third]);
}

/// Returns the shared bit to which a fingerprint adds the fewest false matches: most of its bytes
/// have the bit already, and few others share it.
#[expect(
    clippy::indexing_slicing,
    reason = "it runs at compile time, and an index out of bounds does not compile"
)]
const fn best_bit(table: &Table, sizes: &[usize; SHARED_BITS], fingerprint: [u8; 3]) -> usize {
    let (mut best, mut least) = (0, usize::MAX);
    let mut bit = 0;
    while bit < SHARED_BITS {
        let mut cost = sizes[bit];
        let mut place = 0;
        while place < 3 {
            let is_new = table[place][fingerprint[place] as usize] & 1 << (FIRST_SHARED + bit) == 0;
            cost += if is_new { NEW_BYTE_COST } else { 0 };
            place += 1;
        }
        if cost < least {
            (best, least) = (bit, cost);
        }
        bit += 1;
    }
    best
}

#[expect(
    clippy::indexing_slicing,
    reason = "it runs at compile time, and an index out of bounds does not compile"
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

/// The cost of a byte that is new to a bit, in members that share the bit: with 1 or 3, more
/// positions in usual texts are false matches.
const NEW_BYTE_COST: usize = 2;
