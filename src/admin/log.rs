//! The id of the log at a location.

use uuid::Uuid;

use super::Location;
use crate::store::disk::{Access, Directory};
use crate::store::log::log_in;

impl Location {
    /// Returns the id of the log here, which tells its copies from those of other logs: the session
    /// with which it began, also after that session's records were removed. In a directory of an
    /// older version it is the first session that is still there. Returns nothing if nothing was
    /// recorded, or if the directory cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use localtel::Telemetry;
    /// use localtel::admin::Location;
    ///
    /// let location = Location::of(&Telemetry::builder("myapp"))?;
    /// if let Some(log) = location.log() {
    ///     println!("the log {log}");
    /// }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn log(&self) -> Option<Uuid> {
        let directory = Directory::open(&self.path(), Access::Read).ok()?;
        log_in(&directory)
    }
}
