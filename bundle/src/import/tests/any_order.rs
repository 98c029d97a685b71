//! Any bundles of logs that grow, in any order, with any kills, give the same tree.

use proptest::prelude::*;

use super::*;
use crate::faults::{ImportFault, ImportFaults};

/// One export of the machine.
#[derive(Debug, Clone)]
struct Export {
    /// Number of lines that are written to each log by then.
    lines: [u64; 2],
    /// The lowest number of a segment that is not removed by then.
    floor: u64,
    /// The numbers of lines that are exported, if not all are.
    range: Option<(u64, u64)>,
    /// Which segments are compressed, one bit for each.
    compressed: u8,
    /// Whether segments without a line in the range are left out.
    leaves_out: bool,
}

/// Number of lines in a segment.
const LINES: u64 = 6;

fn export() -> impl Strategy<Value = Export> {
    let range = prop::option::of((0..30_u64, 0..30_u64));
    (
        0..=30_u64,
        0..=9_u64,
        1..=3_u64,
        range,
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(one, two, floor, range, compressed, leaves_out)| Export {
            lines: [one, two],
            floor,
            range: range.map(|(a, b)| (a.min(b), a.max(b))),
            compressed,
            leaves_out,
        })
}

impl Export {
    fn bundle(&self, place: i64) -> MadeBundle {
        let logs = self.lines.iter().zip(1..).map(|(count, log)| MadeLog {
            log,
            segments: self.segments(*count),
            policy: (self.floor == 2).then_some("a = 1\n"),
        });
        MadeBundle {
            host: "web 1",
            created: place,
            range: self.range.and_then(|_| BundleRange::new(Some(NOW), None)),
            logs: logs.collect(),
        }
    }

    fn segments(&self, count: u64) -> Vec<MadeSegment> {
        let head = count.div_ceil(LINES).max(1);
        let numbers = self.floor..=head;
        numbers
            .filter_map(|number| self.segment(number, head, count))
            .collect()
    }

    fn segment(&self, number: u64, head: u64, count: u64) -> Option<MadeSegment> {
        let all: Vec<u64> = ((number - 1) * LINES..(number * LINES).min(count)).collect();
        let is_in = |line: &u64| {
            self.range
                .is_none_or(|(from, to)| (from..=to).contains(line))
        };
        let some: Vec<u64> = all.iter().copied().filter(is_in).collect();
        let state = if some.len() < all.len() {
            SegmentState::Derived
        } else if number == head {
            SegmentState::Growing
        } else {
            SegmentState::Closed
        };
        if some.is_empty() && self.leaves_out {
            return None;
        }
        let segment = MadeSegment::new(number, state, lines(some));
        let is_compressed = state == SegmentState::Closed && self.compressed >> number & 1 == 1;
        Some(if is_compressed {
            segment.compressed()
        } else {
            segment
        })
    }
}

/// Imports a bundle, killed at an operation, and then once more.
fn import_with_a_kill(tree: &Path, bundle: &Path, at: usize) {
    let faults = ImportFaults::at(at, ImportFault::Death);
    let root = FleetFolder::make(tree).unwrap().with_faults(&faults);
    if let Ok(mut importer) = Importer::of(root, NOW)
        && importer.import(bundle, &mut |_| ()).is_ok()
    {
        return;
    }
    let mut importer = Importer::open(tree, NOW).unwrap();
    importer.import(bundle, &mut |_| ()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bundles_in_any_order_give_the_same_tree(
        exports in prop::collection::vec(export(), 1..6),
        order in prop::collection::vec((any::<prop::sample::Index>(), 0..150_usize), 0..8),
    ) {
        let one = ImportPlace::new();
        let bundles: Vec<PathBuf> = exports.iter().zip(1..).map(|(export, place)| one.write(&export.bundle(place))).collect();
        for bundle in &bundles {
            let imported = one.import_at(bundle).unwrap();
            prop_assert_eq!(imported.segments().conflicting, 0);
        }
        let other = ImportPlace::new();
        for (index, kill) in &order {
            let bundle: &PathBuf = index.get(&bundles);
            import_with_a_kill(&other.tree, bundle, *kill);
        }
        for bundle in bundles.iter().rev() {
            other.import_at(bundle).unwrap();
        }
        prop_assert_eq!(tree_at(&one.tree), tree_at(&other.tree));
    }

    #[test]
    fn a_tree_has_each_line_of_its_bundles_once(
        exports in prop::collection::vec(export(), 1..6),
    ) {
        let place = ImportPlace::new();
        let mut expected = std::collections::BTreeSet::new();
        for (export, created) in exports.iter().zip(1..) {
            let bundle = export.bundle(created);
            place.import(&bundle);
            for log in &bundle.logs {
                for segment in &log.segments {
                    let text = String::from_utf8(segment.plain.clone()).unwrap();
                    expected.extend(text.lines().map(|line| (log.log, line.to_owned())));
                }
            }
        }
        let mut found = Vec::new();
        for log in [1, 2] {
            if place.tree.join(log_path(log)).exists() {
                for (_, text) in place.segments(log) {
                    found.extend(text.lines().map(|line| (log, line.to_owned())));
                }
            }
        }
        found.sort_unstable();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}
