//! A draft: a record before it has a time, a session and a number, for what does not come from `tracing`.

use serde_json::Value;

use crate::record::{Level, Properties};

/// A record to be: what happened, without when, by whom and as which.
///
/// ```
/// use localtel::{Draft, Level};
///
/// let draft = Draft::new("backup").level(Level::Warn).message("slow disk").property("files", 12);
/// # let _ = draft;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Draft {
    pub(crate) level: Level,
    pub(crate) target: Option<String>,
    pub(crate) event: String,
    pub(crate) message: Option<String>,
    pub(crate) properties: Properties,
}

impl Draft {
    /// Starts a draft of that event, at level INFO.
    pub fn new(event: impl Into<String>) -> Self {
        Self {
            level: Level::Info,
            target: None,
            event: event.into(),
            message: None,
            properties: Properties::default(),
        }
    }

    /// Sets how grave it is.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the part of the application it comes from; the application's name by default.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Sets the message.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets a named value; an earlier one of the same name is replaced.
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.set(name, value);
        self
    }
}
