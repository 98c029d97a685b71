//! Segments that are not in a tree, although the machine had them: runs of numbers between those
//! that were imported and the head. Nothing here counts up to a number that a bundle claims.

use localtel::read::SegmentNumber;
use localtel_bundle::tree::ImportedLog;
use serde::Serialize;

/// Segments in a row that are not in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct SegmentGap {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Whether the machine had removed them before the newest export: no bundle can bring them.
    pub(super) removed: bool,
}

impl std::fmt::Display for SegmentGap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "segment {}", self.first)
        } else {
            write!(f, "segments {} to {}", self.first, self.last)
        }
    }
}

/// Returns the gaps of a log, in order.
pub(super) fn gaps_of(log: &ImportedLog) -> Vec<SegmentGap> {
    let numbers: Vec<u64> = log.segments.keys().map(|number| number.get()).collect();
    gaps_between(
        &numbers,
        log.floor.get(),
        log.head.map_or(0, SegmentNumber::get),
    )
}

/// Returns the gaps between these numbers, which are in order. What is below the first of them and
/// the floor was removed before anything was exported, and is no gap.
fn gaps_between(numbers: &[u64], floor: u64, head: u64) -> Vec<SegmentGap> {
    let mut gaps = Vec::new();
    let mut next = numbers.first().map_or(floor, |first| floor.min(*first));
    let above_head = head.saturating_add(1);
    for number in numbers.iter().copied().chain([above_head]) {
        if next < number {
            // What is below the floor is not on the machine any more.
            let split = floor.clamp(next, number);
            gaps.extend(gap(next, split, true));
            gaps.extend(gap(split, number, false));
        }
        next = next.max(number.saturating_add(1));
    }
    gaps
}

/// Returns the gap from a number to before another one.
fn gap(from: u64, to: u64, removed: bool) -> Option<SegmentGap> {
    (from < to).then(|| SegmentGap {
        first: from,
        last: to - 1,
        removed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_between_what_was_imported_and_the_head() {
        for (numbers, floor, head, expected) in [
            (&[1_u64, 2, 3] as &[u64], 1, 3, ""),
            (&[], 1, 0, ""),
            (&[3, 4], 3, 4, ""),
            (&[1, 2], 1, 4, "3-4"),
            (&[2, 5], 1, 5, "1-1 3-4"),
            (&[1, 9], 5, 9, "2-4r 5-8"),
            (&[1, 2], 7, 8, "3-6r 7-8"),
            (&[], 2, 3, "2-3"),
            (&[1], 1, 1 << 50, "2-1125899906842624"),
            (&[5], 1, 3, "1-4"),
        ] {
            let gaps = gaps_between(numbers, floor, head);
            let shown = gaps.iter().map(|gap| {
                let mark = if gap.removed { "r" } else { "" };
                format!("{}-{}{mark}", gap.first, gap.last)
            });
            let shown = shown.collect::<Vec<_>>().join(" ");
            assert_eq!(shown, expected, "{numbers:?} {floor} {head}");
        }
    }
}
