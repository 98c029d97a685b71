//! The JSON document of `stats`.

use serde::Serialize;

use super::breakdown::{Breakdown, FieldSummary};
use super::overview::Overview;

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
    #[serde(flatten)]
    pub(super) answer: &'a StatsAnswer,
    /// The answer for the range that is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<&'a StatsAnswer>,
}

impl<'a> StatsDocument<'a> {
    pub(super) fn new(answer: &'a StatsAnswer, compared: Option<&'a StatsAnswer>) -> Self {
        Self { answer, compared }
    }
}
