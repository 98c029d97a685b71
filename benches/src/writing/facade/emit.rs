//! Events of `emit`. The fields of the spans are its ambient context.

use super::Facade;
use crate::writing::work::{self, FORMATTED_COMMAND, FORMATTED_OUTCOME, TEXT, Work};

/// The macros of `emit`.
#[derive(Debug, Clone, Copy)]
pub(in crate::writing) struct Emit;

impl Facade for Emit {
    fn in_spans<R>(self, work: Work, body: impl FnOnce() -> R) -> R {
        match work {
            Work::NoSpans => body(),
            Work::First | Work::TwelveFields | Work::Escaped | Work::Formatted => {
                let request = emit::props! { id: work::REQUEST, user: work::USER };
                emit::Frame::push(emit::ctxt(), request).call(|| {
                    let query = emit::props! { table: work::TABLE };
                    emit::Frame::push(emit::ctxt(), query).call(body)
                })
            }
        }
    }

    #[inline]
    fn emit(self, work: Work, number: u64) {
        match work {
            Work::First | Work::NoSpans => emit::info!(
                "listed projects",
                command: work::COMMAND,
                result: work::RESULT,
                duration: number,
                ratio: 0.25,
                cached: true,
            ),
            Work::TwelveFields => emit::info!(
                "listed projects",
                command: work::COMMAND,
                result: work::RESULT,
                duration: number,
                ratio: 0.25,
                cached: true,
                region: work::REGION,
                host: work::HOST,
                attempt: 1,
                rows: 1200,
                bytes: 48_213_u64,
                share: 0.75,
                retried: false,
            ),
            Work::Escaped => emit::info!(
                "listed projects",
                command: work::COMMAND,
                result: work::RESULT,
                duration: number,
                ratio: 0.25,
                cached: true,
                text: TEXT.as_str(),
            ),
            Work::Formatted => emit::info!(
                "listed projects",
                #[emit::as_debug]
                command: FORMATTED_COMMAND,
                #[emit::as_display]
                result: FORMATTED_OUTCOME,
                duration: number,
                ratio: 0.25,
                cached: true,
            ),
        }
    }
}
