//! Events and spans of `tracing`.

use super::Facade;
use crate::writing::work::{self, FORMATTED_COMMAND, FORMATTED_OUTCOME, TEXT, Work};

/// The macros of `tracing`.
#[derive(Debug, Clone, Copy)]
pub(in crate::writing) struct Tracing;

/// The target of all these events and spans.
pub(in crate::writing) const TARGET: &str = module_path!();

impl Facade for Tracing {
    fn in_spans<R>(self, work: Work, body: impl FnOnce() -> R) -> R {
        match work {
            Work::NoSpans => body(),
            Work::First | Work::TwelveFields | Work::Escaped | Work::Formatted => {
                let request = tracing::info_span!("request", id = work::REQUEST, user = work::USER);
                let _request = request.entered();
                let _query = tracing::info_span!("query", table = work::TABLE).entered();
                body()
            }
        }
    }

    #[inline]
    fn emit(self, work: Work, number: u64) {
        match work {
            Work::First | Work::NoSpans => tracing::info!(
                command = work::COMMAND,
                result = work::RESULT,
                duration = number,
                ratio = 0.25,
                cached = true,
                "listed projects"
            ),
            Work::TwelveFields => tracing::info!(
                command = work::COMMAND,
                result = work::RESULT,
                duration = number,
                ratio = 0.25,
                cached = true,
                region = work::REGION,
                host = work::HOST,
                attempt = 1,
                rows = 1200,
                bytes = 48_213_u64,
                share = 0.75,
                retried = false,
                "listed projects"
            ),
            Work::Escaped => tracing::info!(
                command = work::COMMAND,
                result = work::RESULT,
                duration = number,
                ratio = 0.25,
                cached = true,
                text = TEXT.as_str(),
                "listed projects"
            ),
            Work::Formatted => tracing::info!(
                command = ?FORMATTED_COMMAND,
                result = %FORMATTED_OUTCOME,
                duration = number,
                ratio = 0.25,
                cached = true,
                "listed projects"
            ),
        }
    }
}
