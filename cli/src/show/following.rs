//! Follows several directories at once: new records of all are shown in the order of their times,
//! as far as they are found together. Directories that appear later are followed from their start.

use std::time::{Duration, Instant};

use super::super::reading::{NamedInput, open_directory};
use localtel::Error;
use localtel::read::{Damage, Filter, Fold, Follower, Item, Line, Notice, Position, Timestamp};

/// The directories that are followed.
#[derive(Debug, Default)]
pub(super) struct Followers {
    followed: Vec<Followed>,
    /// Directories that do not exist yet.
    awaited: Vec<NamedInput>,
    /// When directories were last searched for.
    listed: Option<Instant>,
}

/// A directory, and its next item.
#[derive(Debug)]
struct Followed {
    input: NamedInput,
    follower: Follower,
    next: Option<NextItem>,
    /// The time of the last line that was found.
    time: Option<Timestamp>,
}

/// An item that is not shown yet, since another directory may have an older one.
#[derive(Debug)]
enum NextItem {
    Line(Position, Vec<u8>),
    Damage(Damage),
    Notice(Notice),
}

impl Followers {
    /// Adds a directory, which is followed from the position of the follower.
    pub(super) fn add(&mut self, input: NamedInput, follower: Follower) {
        self.followed.push(Followed {
            input,
            follower,
            next: None,
            time: None,
        });
    }

    /// Adds a directory that does not exist yet, and is followed from its start.
    pub(super) fn wait_for(&mut self, input: NamedInput) {
        self.awaited.push(input);
    }

    /// Adds the directories that were awaited and exist now. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them exists and cannot be read.
    pub(super) fn add_awaited(&mut self, filter: &Filter) -> localtel::Result<bool> {
        let before = self.followed.len();
        for input in std::mem::take(&mut self.awaited) {
            let Some(path) = input.directory() else {
                continue;
            };
            match open_directory(path, filter) {
                Ok(reader) => self.add(input, reader.follow()),
                Err(error) if error.is_not_found() => self.awaited.push(input),
                Err(error) => return Err(error),
            }
        }
        Ok(self.followed.len() > before)
    }

    /// Returns the directories, in the order of the numbers that folds get.
    pub(super) fn inputs(&self) -> Vec<&NamedInput> {
        self.followed
            .iter()
            .map(|followed| &followed.input)
            .collect()
    }

    /// Adds the directories that have appeared. It looks at most once a second, and returns whether
    /// it found any.
    pub(super) fn add_new(
        &mut self,
        list_again: &dyn Fn() -> Vec<NamedInput>,
        filter: &Filter,
    ) -> bool {
        let now = Instant::now();
        if self.listed.is_some_and(|listed| now < listed + LIST_PAUSE) {
            return false;
        }
        self.listed = Some(now);
        let before = self.followed.len();
        for input in list_again() {
            let is_followed =
                self.followed.iter().any(|it| it.input == input) || self.awaited.contains(&input);
            let Some(path) = input.directory().filter(|_| !is_followed) else {
                continue;
            };
            // One that cannot be opened is tried again: it may not be complete yet.
            if let Ok(reader) = open_directory(path, filter) {
                self.add(input, reader.follow());
            }
        }
        self.followed.len() > before
    }

    /// Passes the new items to a fold and calls `after` after each, until no directory has any more
    /// or one of them had many. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// Returns the error of `after`, or an error if a directory cannot be listed.
    pub(super) fn poll<F: Fold, E: From<Error>>(
        &mut self,
        fold: &mut F,
        mut after: impl FnMut(&mut F) -> Result<(), E>,
    ) -> Result<bool, E> {
        for followed in &mut self.followed {
            followed.find_next()?;
        }
        for round in 0..ROUND_ITEMS {
            let mut with_next = self.followed.iter_mut().enumerate();
            let first = with_next
                .by_ref()
                .filter(|(_, followed)| followed.next.is_some())
                .min_by_key(|(_, followed)| followed.time);
            let Some((number, followed)) = first else {
                return Ok(round > 0);
            };
            fold.input(number);
            if let Some(next) = followed.next.take() {
                next.fold(fold);
            }
            after(fold)?;
            followed.find_next()?;
        }
        Ok(true)
    }
}

impl Followed {
    /// Finds the next item, if there is one.
    fn find_next(&mut self) -> localtel::Result<()> {
        if self.next.is_some() {
            return Ok(());
        }
        self.next = self.follower.poll()?.map(|item| match item {
            Item::Line(line) | Item::Text(line) => {
                // A line that is not a record is shown as damage, with the one before it.
                if let Ok(time) = line.read_raw(|raw| Some(raw.time())) {
                    self.time = time;
                }
                NextItem::Line(line.position(), line.bytes().to_vec())
            }
            Item::Damage(damage) => NextItem::Damage(damage),
            Item::Notice(notice) => NextItem::Notice(notice),
        });
        Ok(())
    }
}

impl NextItem {
    fn fold(self, fold: &mut impl Fold) {
        match self {
            Self::Line(position, bytes) => Item::Line(Line::new(position, &bytes)).fold(fold),
            Self::Damage(damage) => fold.damage(damage),
            Self::Notice(notice) => fold.notice(notice),
        }
    }
}

/// The pause between two searches for new directories.
const LIST_PAUSE: Duration = Duration::from_secs(1);

/// Number of items after which other directories are polled again.
const ROUND_ITEMS: usize = 1000;
