//! Events of `log`, with its key-values. It has no spans: their fields are in a context of the
//! thread of logforth, or in every event.

use logforth::diagnostic::ThreadLocalDiagnostic;

use super::Facade;
use crate::writing::work::{self, FORMATTED_COMMAND, FORMATTED_OUTCOME, TEXT, Work};

/// The macros of `log`, with the fields of the spans in logforth's context of the thread.
#[derive(Debug, Clone, Copy)]
pub(in crate::writing) struct LogInContext;

/// The macros of `log`, with the fields of the spans as keys of every event.
#[derive(Debug, Clone, Copy)]
pub(in crate::writing) struct LogOfKeys;

/// Emits one event of a workload with additional keys.
macro_rules! log_with {
    ($work:expr, $number:expr $(, $key:ident = $value:expr)*) => {
        match $work {
            Work::First | Work::NoSpans => log::info!(
                $($key = $value,)*
                command = work::COMMAND,
                result = work::RESULT,
                duration = $number,
                ratio = 0.25,
                cached = true;
                "listed projects"
            ),
            Work::TwelveFields => log::info!(
                $($key = $value,)*
                command = work::COMMAND,
                result = work::RESULT,
                duration = $number,
                ratio = 0.25,
                cached = true,
                region = work::REGION,
                host = work::HOST,
                attempt = 1,
                rows = 1200,
                bytes = 48_213_u64,
                share = 0.75,
                retried = false;
                "listed projects"
            ),
            Work::Escaped => log::info!(
                $($key = $value,)*
                command = work::COMMAND,
                result = work::RESULT,
                duration = $number,
                ratio = 0.25,
                cached = true,
                text = TEXT.as_str();
                "listed projects"
            ),
            Work::Formatted => log::info!(
                $($key = $value,)*
                command:? = FORMATTED_COMMAND,
                result:% = FORMATTED_OUTCOME,
                duration = $number,
                ratio = 0.25,
                cached = true;
                "listed projects"
            ),
        }
    };
}

impl Facade for LogInContext {
    fn in_spans<R>(self, work: Work, body: impl FnOnce() -> R) -> R {
        match work {
            Work::NoSpans => {}
            Work::First | Work::TwelveFields | Work::Escaped | Work::Formatted => {
                ThreadLocalDiagnostic::insert("id", work::REQUEST.to_string());
                ThreadLocalDiagnostic::insert("user", work::USER);
                ThreadLocalDiagnostic::insert("table", work::TABLE);
            }
        }
        body()
    }

    #[inline]
    fn emit(self, work: Work, number: u64) {
        log_with!(work, number);
    }
}

impl Facade for LogOfKeys {
    fn in_spans<R>(self, _work: Work, body: impl FnOnce() -> R) -> R {
        body()
    }

    #[inline]
    fn emit(self, work: Work, number: u64) {
        match work {
            Work::NoSpans => log_with!(work, number),
            Work::First | Work::TwelveFields | Work::Escaped | Work::Formatted => {
                log_with!(
                    work,
                    number,
                    id = work::REQUEST,
                    user = work::USER,
                    table = work::TABLE
                );
            }
        }
    }
}
