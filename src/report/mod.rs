//! The deployment report: what an application says about itself from time to time.

#[cfg_attr(not(test), expect(dead_code, reason = "the handle will use it"))]
pub(crate) mod counters;
