//! The prefixes of lines that were looked at. What a call site writes between the time and the message is the same
//! in all its lines, so that comparing it with what was seen before spares looking at it again: without it,
//! `show -l error` takes 8 to 14 % more processor time, and `show 'duration>990'` 2 to 4 %.

use super::cursor::Cursor;
use super::{Head, RawText};
use crate::record::Level;

/// Prefixes that were seen: as many as usual applications have call sites that are busy.
#[derive(Debug, Default)]
pub struct PrefixCache {
    /// The place of a prefix follows from some of its bytes; of two with one place the later is kept.
    known: Vec<CachedPrefix>,
}

/// A prefix that was seen.
#[derive(Debug, Clone, Default)]
struct CachedPrefix {
    /// The prefix, and as much of what follows as tells that it is whole.
    bytes: Vec<u8>,
    level: Option<Level>,
    head_bytes: usize,
    source: TextRange,
    target: TextRange,
    event: Option<TextRange>,
}

/// Where in a prefix a text stands.
#[derive(Debug, Clone, Copy, Default)]
struct TextRange {
    from: usize,
    bytes: usize,
}

impl PrefixCache {
    /// Reads the prefix of a line, which begins where the cursor stands.
    pub(super) fn read<'a>(&mut self, cursor: &mut Cursor<'a>) -> Option<Head<'a>> {
        if self.known.is_empty() {
            self.known.resize_with(PREFIXES, CachedPrefix::default);
        }
        let rest = cursor.rest();
        let known = self.known.get_mut(place_of(rest))?;
        if let Some(head) = known.head(rest) {
            cursor.pass(known.head_bytes);
            return Some(head);
        }
        let head = cursor.head()?;
        known.remember(rest, &head, cursor.rest());
        Some(head)
    }
}

impl CachedPrefix {
    /// Returns the prefix that bytes begin with, if it is this one.
    fn head<'a>(&self, bytes: &'a [u8]) -> Option<Head<'a>> {
        let level = self.level?;
        if !bytes.starts_with(&self.bytes) {
            return None;
        }
        let text = |place: TextRange| RawText::at(bytes, place.from, place.bytes);
        Some(Head {
            level,
            source: text(self.source)?,
            target: text(self.target)?,
            event: match self.event {
                Some(event) => Some(text(event)?),
                None => None,
            },
        })
    }

    fn remember(&mut self, bytes: &[u8], head: &Head<'_>, rest: &[u8]) {
        let place = |text: RawText<'_>| TextRange {
            from: text.offset_in(bytes),
            bytes: text.bytes().len(),
        };
        self.head_bytes = bytes.len() - rest.len();
        let seen = self.head_bytes + FOLLOWING_BYTES;
        self.bytes.clear();
        self.level = bytes.get(..seen).map(|seen| {
            self.bytes.extend_from_slice(seen);
            head.level
        });
        self.source = place(head.source);
        self.target = place(head.target);
        self.event = head.event.map(place);
    }
}

/// Returns the place of a prefix among those that are known, from bytes in which prefixes usually differ.
fn place_of(head: &[u8]) -> usize {
    let word = |at: usize| {
        let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let mixed = SAMPLED_AT
        .into_iter()
        .fold(0, |mixed: u64, at| (mixed ^ word(at)).wrapping_mul(MIXER));
    // The upper bits depend on all the others.
    usize::try_from(mixed >> (u64::BITS - PREFIXES.ilog2())).unwrap_or(0)
}

/// How many prefixes are remembered: 64 × 96 bytes and the prefixes themselves, some 14 KiB.
const PREFIXES: usize = 64;

/// After a prefix comes `,"message":` or `,"session":`, and another key if it goes on: three bytes tell.
const FOLLOWING_BYTES: usize = 3;

/// Where prefixes are looked at to find their places: in level, source, target and event of usual lengths.
const SAMPLED_AT: [usize; 5] = [10, 40, 56, 72, 88];

/// The golden ratio in 64 bits, as in Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RawRecord;
    use super::*;

    fn line(level: &str, target: &str, event: Option<&str>, message: Option<&str>) -> String {
        let event = event.map_or(String::new(), |event| format!(",\"event\":\"{event}\""));
        let message = message.map_or(String::new(), |text| format!(",\"message\":\"{text}\""));
        format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.123456Z","level":"{level}","source":"s","target":"{target}"{event}{message},"session":"01936f0e-0000-7000-8000-000000000000","seq":1}}"#
        )
    }

    proptest! {
        #[test]
        fn the_prefix_cache_changes_no_result(
            lines in proptest::collection::vec(
                (
                    prop_oneof![Just("INFO"), Just("ERROR"), Just("NONE")],
                    "(a|ab|a::b|a::b::c){1,9}",
                    proptest::option::of("e{0,3}|event|\\\\n"),
                    proptest::option::of("m{0,3}"),
                    0..200_usize,
                ),
                1..80,
            )
        ) {
            let mut prefixes = PrefixCache::default();
            for (level, target, event, message, cut) in lines {
                let line = line(level, &target, event.as_deref(), message.as_deref());
                for line in [line.as_bytes(), line.get(..cut).unwrap_or(&line).as_bytes()] {
                    let (one, other) = (RawRecord::at(line), RawRecord::with(line, &mut prefixes));
                    prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
                }
            }
        }
    }
}
