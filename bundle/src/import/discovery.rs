//! The bundles in a directory, as on a stick that was carried from machine to machine.

use std::path::{Path, PathBuf};

use localtel::Result;

use super::incoming::PARTIAL;
use crate::disk::EntryKind;
use crate::folder::FleetFolder;
use crate::manifest::Manifest;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all cases")]
pub enum FoundBundles {
    /// One bundle, or something else that will be refused.
    One,
    /// A directory with bundles.
    Folder {
        /// The bundles, in order of their names.
        bundles: Vec<PathBuf>,
        /// The bundles whose export did not finish, in order of their names.
        unfinished: Vec<PathBuf>,
    },
}

/// Finds the bundles at a path. In a directory that is not itself a bundle these are the
/// directories whose names begin with `localtel-`.
///
/// # Errors
///
/// Returns an error if the directory cannot be read.
pub fn find_bundles(path: &Path) -> Result<FoundBundles> {
    let folder = FleetFolder::open(path)?;
    if folder.facts(Manifest::FILE)?.is_some() {
        return Ok(FoundBundles::One);
    }
    let (mut bundles, mut unfinished) = (Vec::new(), Vec::new());
    for name in folder.names()? {
        let is_folder = |name: &str| -> Result<bool> {
            let facts = folder.facts(name)?;
            Ok(facts.is_some_and(|facts| facts.kind == EntryKind::Folder))
        };
        if !name.starts_with(BUNDLE_START) || !is_folder(&name)? {
            continue;
        }
        let path = folder.path_of(&name);
        if path.extension().is_some_and(|end| end == PARTIAL) {
            unfinished.push(path);
        } else {
            bundles.push(path);
        }
    }
    if bundles.is_empty() && unfinished.is_empty() {
        Ok(FoundBundles::One)
    } else {
        Ok(FoundBundles::Folder {
            bundles,
            unfinished,
        })
    }
}

/// The beginning of the name of a bundle's directory.
const BUNDLE_START: &str = "localtel-";
