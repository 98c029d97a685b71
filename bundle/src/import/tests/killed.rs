//! Imports that fail or are killed at each of their operations.

use super::*;
use crate::faults::{ImportFault, ImportFaults};

use SegmentState::{Closed, Derived, Growing};

/// Bundles that use each rule, and whose order matters where versions contradict each other.
fn bundles(place: &Path) -> Vec<PathBuf> {
    let all = [
        bundle_of(1, [MadeSegment::new(1, Growing, lines(0..5))]),
        bundle_of(2, [MadeSegment::new(1, Derived, lines(3..7))]),
        bundle_of(
            3,
            [
                MadeSegment::new(1, Closed, lines(0..9)).compressed(),
                MadeSegment::new(2, Closed, lines(9..12)),
            ],
        ),
        bundle_of(4, [MadeSegment::new(2, Closed, lines(20..22))]),
        bundle_of(5, [MadeSegment::new(2, Closed, lines(20..23))]),
    ];
    let mut all = all.to_vec();
    all[2].logs[0].policy = Some("a = 1\n");
    all.iter().map(|bundle| bundle.write(place)).collect()
}

/// Imports bundles with a fault, and stops at the first failure.
fn import(tree: &Path, bundles: &[PathBuf], faults: &ImportFaults) -> Result<(), String> {
    let root = FleetFolder::make(tree).unwrap().with_faults(faults);
    let importer = Importer::of(root, NOW);
    let mut importer = importer.map_err(|error| error.to_string())?;
    for bundle in bundles {
        let imported = importer.import(bundle, &mut |_| ());
        imported.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Returns the trees after no bundle, after the first one, and so on.
fn trees_of(bundles: &[PathBuf]) -> Vec<BTreeMap<String, Vec<u8>>> {
    let place = ImportPlace::new();
    let mut importer = place.importer();
    let mut trees = vec![tree_at(&place.tree)];
    for bundle in bundles {
        importer.import(bundle, &mut |_| ()).unwrap();
        trees.push(tree_at(&place.tree));
    }
    trees
}

/// Lets an import fail at each operation, or at each third of them. Afterwards the tree is one of
/// those between bundles, and after a repetition that of an import without a fault.
fn check_operations(fault: ImportFault, every: usize) {
    let stick = temporary();
    let bundles = bundles(stick.path());
    let trees = trees_of(&bundles);
    let mut at = 0;
    loop {
        let place = ImportPlace::new();
        let faults = ImportFaults::at(at, fault);
        let outcome = import(&place.tree, &bundles, &faults);
        let is_over = faults.operations() <= at;
        if is_over {
            assert_eq!(outcome, Ok(()));
            break;
        }
        // Opening the tree completes or undoes the last bundle.
        drop(place.importer());
        let tree = tree_at(&place.tree);
        assert!(
            trees.contains(&tree),
            "operation {at}: {outcome:?}: {:?}",
            tree.keys()
        );
        let again = import(&place.tree, &bundles, &ImportFaults::default());
        assert_eq!(again, Ok(()), "operation {at}");
        assert_eq!(
            tree_at(&place.tree),
            *trees.last().unwrap(),
            "operation {at}"
        );
        let left: Vec<String> = files_below(&place.tree.join(".import"))
            .into_keys()
            .collect();
        assert_eq!(left, ["lock"], "operation {at}");
        at += every;
    }
    assert!(at > 200, "{at} operations");
}

#[test]
fn a_kill_at_any_operation_leaves_whole_bundles() {
    check_operations(ImportFault::Death, 1);
}

#[test]
fn a_failure_of_any_operation_leaves_whole_bundles() {
    check_operations(ImportFault::Once(5), 3);
}

#[test]
fn a_disk_that_fills_up_anywhere_leaves_whole_bundles() {
    check_operations(ImportFault::Sticky(28), 3);
}

#[test]
fn a_bundle_after_one_that_failed_is_imported() {
    let stick = temporary();
    let bundles = bundles(stick.path());
    let broken = bundle_of(7, [MadeSegment::new(5, Closed, lines(0..3))]).write(stick.path());
    fs::write(broken.join("0001/events.000005.jsonl"), lines(0..2)).unwrap();
    let place = ImportPlace::new();
    let mut importer = place.importer();
    for bundle in &bundles {
        importer.import(bundle, &mut |_| ()).unwrap();
        assert!(importer.import(&broken, &mut |_| ()).is_err());
    }
    assert_eq!(tree_at(&place.tree), *trees_of(&bundles).last().unwrap());
}

#[test]
fn what_an_import_left_is_said() {
    let stick = temporary();
    let bundles = bundles(stick.path());
    let mut seen = Vec::new();
    for at in 0.. {
        let place = ImportPlace::new();
        let faults = ImportFaults::at(at, ImportFault::Death);
        let _failed = import(&place.tree, &bundles[..1], &faults);
        if faults.operations() <= at {
            break;
        }
        let tree = Tree::open(&place.tree).unwrap();
        let is_unfinished = tree.is_some_and(|tree| tree.is_unfinished().unwrap());
        let leftover = place.importer().leftover();
        if leftover == Leftover::Completed {
            seen.push(is_unfinished);
        }
        assert_eq!(place.importer().leftover(), Leftover::Nothing);
    }
    assert!(seen.contains(&true));
}
