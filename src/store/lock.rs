//! The file `lock`: the exclusive lock around every append, rotation and removal, and in its bytes
//! a cache of head and floor. The cache may be stale or empty after a crash; the directory is
//! authoritative.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::disk::{Directory, FileId, read_at_least};
use super::elsewhere;
use super::facts::Facts;
use super::segment::{FileName, SegmentNumber};
use crate::error::{Error, ErrorKind, Result};

/// The highest segment and the lowest that was not removed on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The number of the active segment.
    pub(crate) head: SegmentNumber,
    /// The lowest number that was not removed on purpose.
    pub floor: SegmentNumber,
}

impl Extent {
    /// Two numbers of 16 digits, a space and a newline: one sector, overwritten in place.
    const BYTES: usize = 16 + 1 + 16 + 1;

    /// Reads the cache without the lock, as a hint for readers.
    pub(crate) fn peek(directory: &Directory) -> Option<Self> {
        let bytes = directory
            .read_small(&FileName::Lock.text(), Self::BYTES as u64)
            .ok()?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.len() == Self::BYTES)?;
        let (head, floor) = text.strip_suffix('\n')?.split_once(' ')?;
        let number = |digits: &str| digits.parse().ok().and_then(SegmentNumber::new);
        let extent = Self {
            head: number(head)?,
            floor: number(floor)?,
        };
        // The floor of a removed head is one above it; a larger distance is not from localtel.
        (extent.floor <= extent.head.next()).then_some(extent)
    }

    fn to_bytes(self) -> Vec<u8> {
        format!("{:016} {:016}\n", self.head.get(), self.floor.get()).into_bytes()
    }
}

/// The open lock file.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    id: FileId,
}

impl LockFile {
    /// Opens or creates the lock file of that directory.
    pub(crate) fn open(directory: &Directory) -> Result<Self> {
        Self::new(directory, directory.open_or_create(&FileName::Lock.text()))
    }

    /// Checks that the lock file of that directory could be opened or created; creates and changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// Returns the error that opening it would return.
    pub(crate) fn check(directory: &Directory) -> Result<()> {
        match directory.open_append(&FileName::Lock.text()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            opened => Self::new(directory, opened).map(|_| ()),
        }
    }

    fn new(directory: &Directory, opened: io::Result<(File, Facts)>) -> Result<Self> {
        let path = || directory.path().join(FileName::Lock.to_string());
        let failed = |action| move |error| Error::io(action, &path())(error);
        let (file, facts) = opened.map_err(failed("open the lock"))?;
        if let (true, Some(owner)) = (facts.is_regular, facts.other_owner()) {
            let user = elsewhere::effective_user();
            return Err(Error::other_user(directory.path(), path(), owner, user));
        }
        if !facts.is_ours() {
            return Err(Error::directory(
                directory.path(),
                "its `lock` is not a regular file of this user; remove it",
            ));
        }
        let mut start = [0; Extent::BYTES + 1];
        let bytes =
            usize::try_from(facts.bytes).map_or(start.len(), |bytes| bytes.min(start.len()));
        let read = read_at_least(&file, &mut start, 0, bytes).map_err(failed("read the lock"))?;
        // A crash leaves the cache empty, torn or full of zeros, but never with other contents.
        let is_cache = |byte: &u8| matches!(byte, 0 | b'0'..=b'9' | b' ' | b'\n');
        if read > Extent::BYTES || !start.iter().take(read).all(is_cache) {
            return Err(Error::directory(
                directory.path(),
                "its file `lock` was not written by localtel; use a separate directory",
            ));
        }
        Ok(Self { file, id: facts.id })
    }

    /// Takes the lock, or gives up at the deadline: a stopped process may hold it for ever.
    ///
    /// Returns nothing if the file has meanwhile lost its name: then it locks nothing any more and
    /// the caller opens the one that replaced it.
    pub(crate) fn lock(self, directory: &Directory, deadline: Instant) -> Result<Option<Locked>> {
        let path = || directory.path().join(FileName::Lock.to_string());
        let mut pause = PAUSE_LEAST;
        while !directory
            .try_lock(&self.file)
            .map_err(|error| Error::io("lock", &path())(error))?
        {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::Busy { path: path() }.into());
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MOST);
        }
        let locked = Locked { lock: self };
        match directory.facts(&FileName::Lock.text()) {
            Ok(facts) => Ok((facts.id == locked.lock.id).then_some(locked)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read the metadata of", &path())(error)),
        }
    }
}

/// Takes the lock of that directory; reopens a lock file that lost its name meanwhile.
///
/// # Errors
///
/// Returns an error if the system refuses, if the lock is held until the deadline, or if its file
/// is replaced again and again.
pub(crate) fn lock(directory: &Directory, deadline: Instant) -> Result<Locked> {
    lock_opened(None, directory, deadline)
}

/// Takes the lock with a file that was opened before, if there is one.
///
/// # Errors
///
/// Returns an error as [`lock`] does.
pub(super) fn lock_opened(
    mut opened: Option<LockFile>,
    directory: &Directory,
    deadline: Instant,
) -> Result<Locked> {
    // The file can be deleted between opening and locking it, but not many times in a row by
    // accident.
    for _ in 0..LOCK_FILE_TRIES {
        let file = match opened.take() {
            Some(file) => file,
            None => LockFile::open(directory)?,
        };
        if let Some(locked) = file.lock(directory, deadline)? {
            return Ok(locked);
        }
    }
    Err(Error::directory(
        directory.path(),
        "its `lock` file is replaced again and again",
    ))
}

/// Returns `true` if another process holds the lock of that directory until the deadline, which no
/// append does. Creates nothing, and releases at once what it takes.
pub(crate) fn is_stuck(directory: &Directory, deadline: Instant) -> io::Result<bool> {
    let file = match directory.open_read(&FileName::Lock.text()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    while !directory.try_lock(&file)? {
        if Instant::now() >= deadline {
            return Ok(true);
        }
        std::thread::sleep(PAUSE_MOST);
    }
    Ok(false)
}

/// The lock, held until it is dropped or released.
#[derive(Debug)]
pub(crate) struct Locked {
    lock: LockFile,
}

impl Locked {
    /// Reads the cache.
    pub(crate) fn extent(&self) -> Option<Extent> {
        let mut bytes = [0; Extent::BYTES + 1];
        let read = read_at_least(&self.lock.file, &mut bytes, 0, Extent::BYTES).ok()?;
        Extent::parse(bytes.get(..read)?)
    }

    /// Writes the cache.
    pub(crate) fn set_extent(&self, directory: &Directory, extent: Extent) -> Result<()> {
        let path = || directory.path().join(FileName::Lock.to_string());
        directory
            .overwrite(&self.lock.file, &extent.to_bytes())
            .and_then(|()| {
                // Earlier contents may have been longer, if localtel did not write them.
                let bytes = directory.facts_of(&self.lock.file)?.bytes;
                let own = Extent::BYTES as u64;
                if bytes > own {
                    directory.cut(&self.lock.file, own)
                } else {
                    Ok(())
                }
            })
            .map_err(|error| Error::io("note the newest segment in", &path())(error))
    }

    /// Releases the lock and keeps the file open for the next time.
    pub(crate) fn unlock(self) -> LockFile {
        // Fails only for something that is not a file; closing it would then unlock it as well.
        drop(self.lock.file.unlock());
        self.lock
    }
}

/// Number of times that the lock file may be replaced before that is an error.
const LOCK_FILE_TRIES: usize = 10;

/// The shortest pause between two tries: an append holds the lock for some 20 to 100 µs.
const PAUSE_LEAST: Duration = Duration::from_micros(20);
/// The longest pause between two tries, so that a waiting writer still gets the lock soon.
const PAUSE_MOST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(head: u64, floor: u64) -> Extent {
        Extent {
            head: SegmentNumber::new(head).unwrap(),
            floor: SegmentNumber::new(floor).unwrap(),
        }
    }

    #[test]
    fn a_lock_whose_facts_cannot_be_read_is_an_error_at_once() {
        use crate::store::disk::Access;
        use crate::store::faults::Fault;
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        // The file is opened and locked, and its facts are asked for by its name.
        directory.faults.plan(0, Fault::Named("facts", 5));
        let started = Instant::now();
        let failed = lock(&directory, Instant::now() + Duration::from_mins(1));
        assert!(failed.is_err());
        assert!(started.elapsed() < Duration::from_secs(5));
        directory.faults.lift();
        assert!(lock(&directory, Instant::now() + Duration::from_mins(1)).is_ok());
    }

    #[test]
    fn the_cache_parses_back_to_itself() {
        let before = extent(41, 36);
        assert_eq!(before.to_bytes().len(), Extent::BYTES);
        assert_eq!(Extent::parse(&before.to_bytes()), Some(before));
    }

    #[test]
    fn an_empty_torn_or_impossible_cache_is_ignored() {
        let whole = extent(41, 36).to_bytes();
        assert_eq!(Extent::parse(b""), None);
        assert_eq!(Extent::parse(&whole[..20]), None);
        assert_eq!(Extent::parse(&extent(3, 9).to_bytes()), None);
        assert_eq!(Extent::parse(&[b'0'; Extent::BYTES]), None);
        assert_eq!(Extent::parse(&[0; Extent::BYTES]), None);
    }
}
