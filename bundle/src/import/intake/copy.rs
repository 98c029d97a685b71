//! Copies segments of a bundle, and checks that they are what its manifest promises.

use localtel::Result;

use super::super::ImportStep;
use super::super::bytes::{PlainContent, pass};
use super::super::incoming::{check_content, open_listed};
use super::super::refusal::{BundleFailure, BundleRefusal, RefusalStep};
use super::super::staging::TemporaryFile;
use super::{LogIntake, plain_content};
use crate::manifest::{BundleSegment, StoredForm};

impl LogIntake<'_> {
    /// Checks a segment of the bundle that the tree already has.
    pub(super) fn check(
        &self,
        segment: &BundleSegment,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<(), BundleFailure> {
        self.read(segment, progress, &mut |_| Ok(()))?;
        Ok(())
    }

    /// Copies a segment of the bundle, and checks the copy.
    pub(super) fn copy(
        &self,
        segment: &BundleSegment,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<(), BundleFailure> {
        let mut copy = self.ground.staging.create(TemporaryFile::Incoming)?;
        self.read(segment, progress, &mut |piece| copy.push(piece))?;
        copy.finish()?;
        match segment.form {
            StoredForm::Plain => Ok(()),
            StoredForm::Zstd { .. } => {
                let file = self.file_of(segment);
                let found = self
                    .incoming(segment)
                    .and_then(|plain| {
                        let path = self.ground.root.path();
                        pass(plain, path, segment.plain_bytes, |_| Ok(()))
                    })
                    .map_err(|error| {
                        let reason = format!("it cannot be decompressed ({})", error.chain());
                        BundleRefusal::of_file(RefusalStep::CopyAgain, &file, reason)
                    })?;
                Ok(check_content(&file, found, plain_content(segment))?)
            }
        }
    }

    /// Passes the bytes of a segment of the bundle to a sink, and checks them.
    fn read(
        &self,
        segment: &BundleSegment,
        progress: &mut dyn FnMut(ImportStep),
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<(), BundleFailure> {
        let file = self.file_of(segment);
        let opened = open_listed(self.source.as_ref(), &file, &segment.file())?;
        let path = self
            .source
            .as_ref()
            .map(|folder| folder.path_of(&segment.file()));
        let found = pass(
            opened,
            &path.unwrap_or_default(),
            segment.bytes(),
            |piece| {
                sink(piece)?;
                progress(ImportStep::Read(piece.len() as u64));
                Ok(())
            },
        )?;
        let promised = PlainContent {
            bytes: segment.bytes(),
            sum: segment.sha256(),
        };
        Ok(check_content(&file, found, promised)?)
    }
}
