//! An event recorded by hand, which does not come from `tracing`: a record without time, session
//! and number.

use serde_json::Value;

use crate::record::{Level, Properties};

/// An event that an application records by hand: a name, a level, a message and properties.
///
/// ```
/// use localtel::{Event, Level};
///
/// let event = Event::new("backup").level(Level::Warn).message("slow disk").property("files", 12);
/// # let _ = event;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Event {
    pub(crate) level: Level,
    pub(crate) target: Option<String>,
    pub(crate) name: String,
    pub(crate) message: Option<String>,
    pub(crate) properties: Properties,
}

impl Event {
    /// Creates an event of that name, at level INFO.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            level: Level::Info,
            target: None,
            name: name.into(),
            message: None,
            properties: Properties::default(),
        }
    }

    /// Sets the log level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the part of the application that it comes from; by default this is the application's
    /// name.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Sets the message.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets a property; it replaces an earlier one of the same name.
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.set(name, value);
        self
    }
}
