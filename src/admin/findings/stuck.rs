//! The findings of `doctor` on segments that cannot be removed: which, why, and the remedy. It
//! removes nothing.

use std::collections::BTreeMap;

use crate::admin::ShellWord;
use crate::admin::finding::{FILES_NAMED_MAX, Finding, FindingKind, first_of};
use crate::store;
use crate::store::disk::Directory;
use crate::store::obstacle::Obstacle;
use crate::store::segment::SegmentNumber;

/// Finds segments that cannot be removed: those declared removed that still exist, and those with
/// an obstacle that can be detected without trying. Returns one finding for each reason.
pub(super) fn find(directory: &Directory, floor: Option<SegmentNumber>) -> Vec<Finding> {
    let path = directory.path();
    if let Some(obstacle) = directory.own_obstacle() {
        let (reason, step) = words_for(Some(obstacle));
        let path = path.display().to_string();
        return vec![Finding::new(
            FindingKind::Unremovable,
            format!("no segment can be removed from {path}: it {reason}"),
            format!("{step} {}", ShellWord(&path)),
        )];
    }
    let mut stuck: BTreeMap<Option<Obstacle>, Vec<String>> = BTreeMap::new();
    for (number, form) in store::segment_files(directory).unwrap_or_default() {
        let name = form.name_of(number);
        let Ok(obstacle) = directory.obstacle(&name) else {
            continue;
        };
        let was_to_go = floor.is_some_and(|floor| number < floor);
        let is_certain = match obstacle {
            Some(Obstacle::Immutable | Obstacle::AppendOnly | Obstacle::Mounted) => true,
            Some(Obstacle::OtherUser(_) | Obstacle::NotAFile) | None => false,
        };
        if was_to_go || is_certain {
            let file = path.join(name).display().to_string();
            stuck.entry(obstacle).or_default().push(file);
        }
    }
    let finding = |(obstacle, files): (Option<Obstacle>, Vec<String>)| {
        let (reason, step) = words_for(obstacle);
        let named = first_of(&files, "more segment");
        let what = format!("cannot be removed: {named}; it {reason}, and counts towards the total");
        let files = files.iter().take(FILES_NAMED_MAX);
        let files: Vec<String> = files.map(|file| ShellWord(file).to_string()).collect();
        let next = format!("{step} {}", files.join(" "));
        Finding::new(FindingKind::Unremovable, what, next)
    };
    stuck.into_iter().map(finding).collect()
}

/// Returns the obstacle of a file, and the start of the remedy.
fn words_for(obstacle: Option<Obstacle>) -> (String, &'static str) {
    let (reason, step) = match obstacle {
        Some(Obstacle::Immutable) => ("is immutable", "chattr -i"),
        Some(Obstacle::AppendOnly) => ("is append-only", "chattr -a"),
        Some(Obstacle::Mounted) => ("has something mounted on it", "umount"),
        Some(Obstacle::OtherUser(user)) => {
            let reason = format!("belongs to another user (uid {user})");
            return (reason, "have that user or root remove it:");
        }
        Some(Obstacle::NotAFile) => ("is not a regular file", "move it away:"),
        None => (
            "was to be removed and is still there",
            "rm, which prints the reason:",
        ),
    };
    (reason.to_owned(), step)
}
