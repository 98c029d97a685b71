//! Versions of a segment that contradict the one in the tree: they are kept beside it.

use localtel::{Error, Result};

use super::super::SegmentChange;
use super::super::bytes::{Likeness, compare, pass};
use super::super::refusal::{BundleFailure, BundleRefusal, RefusalStep};
use super::super::staging::mark_gone;
use super::LogIntake;
use crate::manifest::{BundleSegment, SegmentState};
use crate::tree::paths::ConflictName;

impl LogIntake<'_> {
    /// Keeps the copy beside the segment that it contradicts, unless a version that begins with it
    /// is kept already.
    pub(super) fn keep_conflict(
        &mut self,
        segment: &BundleSegment,
    ) -> Result<SegmentChange, BundleFailure> {
        let name = ConflictName::of(segment.number, segment.plain_sha256);
        let kept = self
            .names
            .iter()
            .filter_map(|name| name.parse::<ConflictName>().ok());
        let kept: Vec<ConflictName> = kept.filter(|kept| kept.number == name.number).collect();
        let mut outgrown = Vec::new();
        if kept.contains(&name) {
            self.report(segment, &name);
            return Ok(SegmentChange::Conflicting);
        }
        if segment.state != SegmentState::Derived {
            for other in &kept {
                match self.compared_with_conflict(segment, other)? {
                    Likeness::Shorter => outgrown.push(other.to_string()),
                    Likeness::Longer | Likeness::Equal => {
                        self.report(segment, other);
                        return Ok(SegmentChange::Conflicting);
                    }
                    Likeness::Different => {}
                }
            }
        }
        if kept.len() - outgrown.len() >= CONFLICTS_MAX {
            let reason = format!(
                "it contradicts the segment in the tree, which has {CONFLICTS_MAX} such versions already"
            );
            let file = self.file_of(segment);
            return Err(BundleRefusal::of_file(RefusalStep::RemoveConflicts, &file, reason).into());
        }
        let picture = self.picture()?;
        let mut file = picture.create(&name.to_string())?;
        let path = picture.path_of(&name.to_string());
        pass(self.incoming(segment)?, &path, u64::MAX, |piece| {
            file.push(piece)
        })?;
        file.finish()?;
        for name in outgrown {
            mark_gone(&picture, &name)?;
        }
        self.report(segment, &name);
        Ok(SegmentChange::Conflicting)
    }

    fn compared_with_conflict(
        &self,
        segment: &BundleSegment,
        other: &ConflictName,
    ) -> Result<Likeness> {
        let Some(folder) = &self.present else {
            return Ok(Likeness::Different);
        };
        let kept = folder.open_file(&other.to_string())?;
        let path = folder.path_of(&other.to_string());
        compare(kept, self.incoming(segment)?).map_err(Error::io("compare", &path))
    }

    fn report(&mut self, segment: &BundleSegment, name: &ConflictName) {
        let mut path = self.ground.root.path().to_owned();
        path.extend(
            self.path
                .iter()
                .map(String::as_str)
                .chain([name.to_string().as_str()]),
        );
        self.result.conflict(segment.number, path);
    }
}

/// Number of versions of a segment that are kept beside it.
const CONFLICTS_MAX: usize = 8;
