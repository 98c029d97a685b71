//! The staging area of a tree, `.import`: files wait there until a whole bundle is checked, and are
//! then moved into the tree.
//!
//! What is to be done is a picture of it: `.import/new` has each file at the path that it will have
//! in the tree, and an empty file `NAME.gone` where `NAME` is to be removed. Renaming it to
//! `.import/ready` is the moment in which the bundle is in the tree. Moving the files can be
//! repeated from any point: what is moved is no longer in the picture.
//!
//! The other design was a list of moves, written beside numbered files. It has a form to parse and
//! to check, its length grows with the bundle, and a repetition must tell a move that was made from
//! a file that was lost. The picture needs neither, and shows to a person what an import would do.

use std::fs::File;

use localtel::Result;

use crate::disk::EntryKind;
use crate::folder::{FleetFolder, StagedFile};
use crate::tree::paths::{IMPORT_FOLDER, READY_FOLDER};

/// The staging area of a tree, which no other import uses meanwhile.
#[derive(Debug)]
pub(super) struct ImportStaging {
    imports: FleetFolder,
    /// Locked as long as it is open.
    _lock: File,
}

/// What the last import left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all cases")]
pub enum Leftover {
    /// Nothing: it ended.
    Nothing,
    /// Files of a bundle that was not checked. They were removed; the tree is as it was before.
    ThrownAway,
    /// Files that were not moved into the tree yet. They were moved.
    Completed,
}

impl ImportStaging {
    /// Opens the staging area of a tree, and creates it if it is missing; `None` if another import
    /// uses it.
    pub(super) fn open(root: &FleetFolder) -> Result<Option<Self>> {
        let imports = root.make_below(IMPORT_FOLDER)?;
        let lock = imports.try_lock(LOCK_FILE)?;
        Ok(lock.map(|lock| Self {
            imports,
            _lock: lock,
        }))
    }

    /// Completes what an earlier import took into the tree, and removes all else that it left.
    pub(super) fn recover(&self, root: &FleetFolder) -> Result<Leftover> {
        let mut leftover = Leftover::Nothing;
        if let Some(ready) = self.imports.below_if_any(READY_FOLDER)? {
            move_all(&ready, root)?;
            self.imports.remove_folder(READY_FOLDER)?;
            leftover = Leftover::Completed;
        }
        for name in self.imports.names()? {
            if name != LOCK_FILE {
                remove_all(&self.imports, &name)?;
                if leftover == Leftover::Nothing {
                    leftover = Leftover::ThrownAway;
                }
            }
        }
        Ok(leftover)
    }

    /// Opens the directory in the picture that will be at this path in the tree.
    pub(super) fn folder(&self, path: &[String]) -> Result<FleetFolder> {
        let mut folder = self.imports.make_below(NEW_FOLDER)?;
        for name in path {
            folder = folder.make_below(name)?;
        }
        Ok(folder)
    }

    /// Creates a file that is not in the picture yet.
    pub(super) fn create(&self, name: TemporaryFile) -> Result<StagedFile> {
        self.imports.remove(name.text())?;
        self.imports.create(name.text())
    }

    /// Opens a file that is not in the picture yet.
    pub(super) fn open_file(&self, name: TemporaryFile) -> Result<File> {
        self.imports.open_file(name.text())
    }

    /// Removes a file that is not in the picture.
    pub(super) fn drop_file(&self, name: TemporaryFile) -> Result<()> {
        self.imports.remove(name.text())
    }

    /// Puts a file into a directory of the picture.
    pub(super) fn put(
        &self,
        name: TemporaryFile,
        folder: &FleetFolder,
        as_name: &str,
    ) -> Result<()> {
        self.imports.rename(name.text(), folder, as_name)
    }

    /// Takes the picture into the tree, if there is one.
    pub(super) fn commit(&self, root: &FleetFolder) -> Result<()> {
        let Some(new) = self.imports.below_if_any(NEW_FOLDER)? else {
            return Ok(());
        };
        sync_all(&new)?;
        self.imports
            .rename(NEW_FOLDER, &self.imports, READY_FOLDER)?;
        self.imports.sync()?;
        self.recover(root)?;
        Ok(())
    }
}

/// A file on its way into the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemporaryFile {
    /// The copy of a file of a bundle.
    Incoming,
    /// Lines of several versions of a segment.
    Merged,
}

impl TemporaryFile {
    const fn text(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Merged => "merged",
        }
    }
}

/// Says in a directory of the picture that a file is to be removed.
pub(super) fn mark_gone(folder: &FleetFolder, name: &str) -> Result<()> {
    folder.create_with(&format!("{name}{GONE}"), b"")
}

/// Moves the files of a directory into another one, and then removes those that are marked.
fn move_all(from: &FleetFolder, to: &FleetFolder) -> Result<()> {
    let mut gone = Vec::new();
    for name in from.names()? {
        if let Some(target) = name.strip_suffix(GONE) {
            gone.push(target.to_owned());
        } else if is_folder(from, &name)? {
            move_all(&from.below(&name)?, &to.make_below(&name)?)?;
            from.remove_folder(&name)?;
        } else {
            from.rename(&name, to, &name)?;
        }
    }
    // A segment is never missing: its other form is removed when this one is there.
    for name in gone {
        to.remove(&name)?;
        from.remove(&format!("{name}{GONE}"))?;
    }
    to.sync()
}

/// Removes an entry with everything below it.
fn remove_all(folder: &FleetFolder, name: &str) -> Result<()> {
    if !is_folder(folder, name)? {
        return folder.remove(name);
    }
    let below = folder.below(name)?;
    for name in below.names()? {
        remove_all(&below, &name)?;
    }
    folder.remove_folder(name)
}

/// Waits until the names in a directory, and in those below it, are on the disk.
fn sync_all(folder: &FleetFolder) -> Result<()> {
    for name in folder.names()? {
        if is_folder(folder, &name)? {
            sync_all(&folder.below(&name)?)?;
        }
    }
    folder.sync()
}

fn is_folder(folder: &FleetFolder, name: &str) -> Result<bool> {
    let facts = folder.facts(name)?;
    Ok(facts.is_some_and(|facts| facts.kind == EntryKind::Folder))
}

/// The file that an import locks.
const LOCK_FILE: &str = "lock";
/// The picture of what an import will do.
const NEW_FOLDER: &str = "new";
/// The end of the name of a file that says that another is to be removed. No file of a tree has it.
const GONE: &str = ".gone";
