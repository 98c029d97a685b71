//! The JSON document of `stats`.

use serde::Serialize;

use super::breakdown::{Breakdown, FieldSummary};
use super::overview::Overview;
use localtel::{Error, Result};

/// The answer to a question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StatsAnswer {
    Overview(Box<Overview>),
    Breakdown(Breakdown),
    Field(FieldSummary),
}

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct StatsDocument<'a> {
    document_version: u32,
    #[serde(flatten)]
    pub(super) answer: &'a StatsAnswer,
    /// The answer for the range that is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<&'a StatsAnswer>,
}

impl<'a> StatsDocument<'a> {
    pub(super) fn new(answer: &'a StatsAnswer, compared: Option<&'a StatsAnswer>) -> Self {
        Self {
            document_version: DOCUMENT_VERSION,
            answer,
            compared,
        }
    }

    /// Returns the document as text.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written as JSON.
    pub(super) fn text(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::invalid("--output", format!("could not write JSON: {error}")))
    }
}

/// Increased when a key changes its meaning or is removed.
const DOCUMENT_VERSION: u32 = 1;
