//! One log of a bundle on its way into the tree: each of its segments is checked (`copy`), compared
//! with the one in the tree, and put into the picture of the tree if it adds something, or beside
//! it (`conflict`).

mod conflict;
mod copy;

use std::collections::BTreeSet;
use std::fs::File;

use localtel::read::SegmentNumber;
use localtel::{Error, Result};

use super::bytes::{Likeness, PlainContent, compare, pass, plain_of};
use super::incoming::{EXPLAIN_FILE, IncomingBundle, POLICY_FILE};
use super::lines::{LINES_MAX, LinesError, are_in, union};
use super::refusal::{BundleFailure, BundleRefusal, RefusalStep};
use super::staging::{ImportStaging, TemporaryFile, mark_gone};
use super::{ImportStep, LogImport, SegmentChange};
use crate::folder::FleetFolder;
use crate::manifest::{BundleLog, BundleSegment, SegmentState, StoredForm};
use crate::tree::paths::{self, IMPORTED_FILE, TreeForm, folders_of};
use crate::tree::{ImportedLog, ImportedSegment, document_bytes, read_document};

/// What an import works on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) root: &'a FleetFolder,
    pub(super) staging: &'a ImportStaging,
    pub(super) bundle: &'a IncomingBundle,
}

/// A log of a bundle, and what the tree has of it.
pub(super) struct LogIntake<'a> {
    ground: Ground<'a>,
    log: &'a BundleLog,
    /// Its directory in the bundle.
    source: Option<FleetFolder>,
    /// The names of the directories that lead to it in the tree.
    path: [String; 4],
    /// Its directory in the tree, and the names in it.
    present: Option<FleetFolder>,
    names: BTreeSet<String>,
    /// What was known of it before, and what will be.
    before: Option<ImportedLog>,
    facts: ImportedLog,
    result: LogImport,
}

/// Returns the more complete of two states of the same bytes.
fn more_complete(one: SegmentState, other: SegmentState) -> SegmentState {
    use SegmentState::{Closed, Derived, Growing};
    match (one, other) {
        (Closed, _) | (_, Closed) => Closed,
        (Growing, _) | (_, Growing) => Growing,
        (Derived, Derived) => Derived,
    }
}

fn form_of(segment: &BundleSegment) -> TreeForm {
    match segment.form {
        StoredForm::Plain => TreeForm::Plain,
        StoredForm::Zstd { .. } => TreeForm::Zstd,
    }
}

fn plain_content(segment: &BundleSegment) -> PlainContent {
    PlainContent {
        bytes: segment.plain_bytes,
        sum: segment.plain_sha256,
    }
}

/// A segment that the tree has.
struct PresentSegment {
    form: TreeForm,
    facts: ImportedSegment,
}

impl<'a> LogIntake<'a> {
    /// Opens a log of a bundle and what the tree has of it.
    pub(super) fn open(ground: Ground<'a>, log: &'a BundleLog) -> Result<Self, BundleFailure> {
        let path = folders_of(&ground.bundle.manifest.host, &log.key);
        let mut present = None;
        for name in &path {
            let above = present.as_ref().unwrap_or(ground.root);
            present = above.below_if_any(name)?;
            if present.is_none() {
                break;
            }
        }
        let (names, before): (_, Option<ImportedLog>) = match &present {
            Some(folder) => (folder.names()?, read_document(folder, IMPORTED_FILE)?),
            None => (Vec::new(), None),
        };
        let bundle = ground.bundle;
        let facts = ImportedLog::with(before.clone(), &bundle.manifest, bundle.sum, log);
        Ok(Self {
            ground,
            log,
            source: ground.bundle.log_folder(log)?,
            path,
            present,
            names: names.into_iter().collect(),
            before,
            facts,
            result: LogImport::of(log.key.clone()),
        })
    }

    /// Puts what the tree does not have into the picture.
    pub(super) fn take(
        mut self,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<LogImport, BundleFailure> {
        for segment in &self.log.segments {
            let change = self.take_segment(segment, progress)?;
            self.result.count(change);
        }
        self.take_documents()?;
        if self.before.as_ref() != Some(&self.facts) {
            let bytes = document_bytes(&self.facts);
            self.picture()?.create_with(IMPORTED_FILE, &bytes)?;
        }
        Ok(self.result)
    }

    /// Returns its directory in the picture.
    fn picture(&self) -> Result<FleetFolder> {
        self.ground.staging.folder(&self.path)
    }

    fn take_segment(
        &mut self,
        segment: &BundleSegment,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<SegmentChange, BundleFailure> {
        let present = self.present(segment.number)?;
        let Some(present) = present else {
            self.copy(segment, progress)?;
            if segment.state == SegmentState::Derived {
                self.merge(segment, None)?;
            } else {
                self.place(segment)?;
            }
            return Ok(SegmentChange::New);
        };
        let is_same = present.facts.plain_bytes == segment.plain_bytes
            && present.facts.plain_sha256 == segment.plain_sha256;
        if is_same {
            self.check(segment, progress)?;
            let state = more_complete(present.facts.state, segment.state);
            let facts = ImportedSegment {
                state,
                ..present.facts
            };
            self.facts.segments.insert(segment.number, facts);
            return Ok(SegmentChange::Unchanged);
        }
        self.copy(segment, progress)?;
        let change = self.meet(segment, &present)?;
        self.ground.staging.drop_file(TemporaryFile::Incoming)?;
        Ok(change)
    }

    /// Decides what becomes of a segment that differs from the one in the tree, and does it.
    fn meet(
        &mut self,
        segment: &BundleSegment,
        present: &PresentSegment,
    ) -> Result<SegmentChange, BundleFailure> {
        use SegmentState::{Closed, Derived, Growing};
        match (present.facts.state, segment.state) {
            (Closed | Growing, Closed | Growing) => match self.compared(segment, present)? {
                Likeness::Shorter => self.replace(segment),
                Likeness::Longer | Likeness::Equal => Ok(SegmentChange::Unchanged),
                Likeness::Different => self.keep_conflict(segment),
            },
            // A segment that was still written when it was copied may have got these lines later.
            (state @ (Closed | Growing), Derived) => {
                if self.is_in(self.incoming(segment)?, self.plain(segment, present)?)? {
                    Ok(SegmentChange::Unchanged)
                } else if state == Growing {
                    self.merge(segment, Some(present))
                } else {
                    self.keep_conflict(segment)
                }
            }
            (Derived, state @ (Closed | Growing)) => {
                if self.is_in(self.plain(segment, present)?, self.incoming(segment)?)? {
                    self.replace(segment)
                } else if state == Growing {
                    self.merge(segment, Some(present))
                } else {
                    self.keep_conflict(segment)
                }
            }
            (Derived, Derived) => self.merge(segment, Some(present)),
        }
    }

    /// Returns what the tree has of a segment.
    fn present(&self, number: SegmentNumber) -> Result<Option<PresentSegment>> {
        let forms = TreeForm::ALL.into_iter();
        let form = forms
            .into_iter()
            .find(|form| self.names.contains(&form.name_of(number)));
        let (Some(form), Some(folder)) = (form, &self.present) else {
            return Ok(None);
        };
        let name = form.name_of(number);
        let recorded = self
            .before
            .as_ref()
            .and_then(|log| log.segments.get(&number));
        if let Some(facts) = recorded {
            // What a person changed is not what was recorded.
            let bytes = folder.facts(&name)?.map(|facts| facts.bytes);
            if form == TreeForm::Zstd || bytes == Some(facts.plain_bytes) {
                let facts = facts.clone();
                return Ok(Some(PresentSegment { form, facts }));
            }
        }
        let path = folder.path_of(&name);
        let plain = plain_of(folder.open_file(&name)?, form).map_err(Error::io("read", &path))?;
        let content = pass(plain, &path, u64::MAX, |_| Ok(()))?;
        let state = match form {
            TreeForm::Plain => SegmentState::Growing,
            TreeForm::Zstd => SegmentState::Closed,
        };
        let facts = ImportedSegment {
            state,
            plain_bytes: content.bytes,
            plain_sha256: content.sum,
        };
        Ok(Some(PresentSegment { form, facts }))
    }

    /// Returns the path of a segment in the bundle.
    fn file_of(&self, segment: &BundleSegment) -> String {
        format!("{}/{}", self.log.directory, segment.file())
    }

    /// Returns the plain bytes of the copy.
    fn incoming(&self, segment: &BundleSegment) -> Result<Box<dyn std::io::Read + Send>> {
        let file = self.ground.staging.open_file(TemporaryFile::Incoming)?;
        let path = self.ground.root.path_of(&self.file_of(segment));
        plain_of(file, form_of(segment)).map_err(Error::io("read", &path))
    }

    /// Returns the file of a segment in the tree.
    fn opened(&self, segment: &BundleSegment, form: TreeForm) -> Result<File> {
        let name = form.name_of(segment.number);
        match &self.present {
            Some(folder) => folder.open_file(&name),
            None => Err(Error::format(
                self.ground.root.path(),
                "it lost a directory",
            )),
        }
    }

    /// Returns the plain bytes of a segment in the tree.
    fn plain(
        &self,
        segment: &BundleSegment,
        present: &PresentSegment,
    ) -> Result<Box<dyn std::io::Read + Send>> {
        let file = self.opened(segment, present.form)?;
        plain_of(file, present.form).map_err(Error::io("read", self.ground.root.path()))
    }

    /// Compares the segment in the tree with the copy.
    fn compared(&self, segment: &BundleSegment, present: &PresentSegment) -> Result<Likeness> {
        let (one, other) = (self.plain(segment, present)?, self.incoming(segment)?);
        compare(one, other).map_err(Error::io("compare", self.ground.root.path()))
    }

    fn is_in(
        &self,
        lines: impl std::io::Read,
        whole: impl std::io::Read,
    ) -> Result<bool, BundleFailure> {
        are_in(lines, whole).map_err(|error| self.lines_error(error))
    }

    /// Puts the copy in the place of the segment in the tree.
    fn replace(&mut self, segment: &BundleSegment) -> Result<SegmentChange, BundleFailure> {
        self.place(segment)?;
        Ok(SegmentChange::Longer)
    }

    /// Puts the copy into the picture.
    fn place(&mut self, segment: &BundleSegment) -> Result<()> {
        let form = form_of(segment);
        let content = plain_content(segment);
        self.put(
            TemporaryFile::Incoming,
            (segment.number, form),
            segment.state,
            content,
        )
    }

    /// Puts a file into the picture, as a segment.
    fn put(
        &mut self,
        file: TemporaryFile,
        (number, form): (SegmentNumber, TreeForm),
        state: SegmentState,
        content: PlainContent,
    ) -> Result<()> {
        let picture = self.picture()?;
        self.ground
            .staging
            .put(file, &picture, &form.name_of(number))?;
        for other in TreeForm::ALL.into_iter().filter(|other| *other != form) {
            let name = other.name_of(number);
            if self.names.contains(&name) {
                mark_gone(&picture, &name)?;
            }
        }
        let facts = ImportedSegment {
            state,
            plain_bytes: content.bytes,
            plain_sha256: content.sum,
        };
        self.facts.segments.insert(number, facts);
        Ok(())
    }

    /// Puts the lines of the copy and of the segment in the tree into the picture, each once.
    fn merge(
        &mut self,
        segment: &BundleSegment,
        present: Option<&PresentSegment>,
    ) -> Result<SegmentChange, BundleFailure> {
        let incoming = self.ground.staging.open_file(TemporaryFile::Incoming)?;
        let opened = present
            .map(|present| self.opened(segment, present.form))
            .transpose()?;
        let sources: Vec<&File> = opened.iter().chain([&incoming]).collect();
        let mut merged = self.ground.staging.create(TemporaryFile::Merged)?;
        let content = union(&sources, |bytes| merged.push(bytes));
        let content = content.map_err(|error| self.lines_error(error))?;
        merged.finish()?;
        self.ground.staging.drop_file(TemporaryFile::Incoming)?;
        if present.is_some_and(|present| {
            present.facts.state == SegmentState::Derived
                && present.facts.plain_sha256 == content.sum
        }) {
            self.ground.staging.drop_file(TemporaryFile::Merged)?;
            return Ok(SegmentChange::Unchanged);
        }
        let place = (segment.number, TreeForm::Plain);
        self.put(TemporaryFile::Merged, place, SegmentState::Derived, content)?;
        Ok(SegmentChange::Merged)
    }

    /// Takes the documents of the log, if no newer bundle was imported.
    fn take_documents(&self) -> Result<(), BundleFailure> {
        let is_newest = self.facts.is_of(self.ground.bundle.sum);
        let is_known = self
            .before
            .as_ref()
            .is_some_and(|log| log.is_of(self.ground.bundle.sum));
        for (name, in_tree) in [
            (EXPLAIN_FILE, paths::EXPLAIN_FILE),
            (POLICY_FILE, paths::POLICY_FILE),
        ] {
            let source = self.source.as_ref();
            let bytes = self.ground.bundle.document_of(self.log, source, name)?;
            if !is_newest || is_known {
                continue;
            }
            match bytes {
                Some(bytes) => self.picture()?.create_with(in_tree, &bytes)?,
                None if self.names.contains(in_tree) => mark_gone(&self.picture()?, in_tree)?,
                None => {}
            }
        }
        Ok(())
    }

    fn lines_error(&self, error: LinesError) -> BundleFailure {
        match error {
            LinesError::TooMany => {
                let reason =
                    format!("a segment with more than {LINES_MAX} lines is only taken as a whole");
                let file = self.log.directory.to_string();
                BundleRefusal::of_file(RefusalStep::ExportWhole, &file, reason).into()
            }
            LinesError::Read(error) => Error::io("read", self.ground.root.path())(error).into(),
            LinesError::Write(error) => error.into(),
        }
    }
}
