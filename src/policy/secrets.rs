//! (to be merged)
use std::borrow::Cow;
#[derive(Debug)]
pub(crate) struct Secrets;
pub(crate) enum Rule {}
impl Secrets {
    pub(crate) fn new(_h: Option<&str>, _u: Option<&str>) -> Self {
        Self
    }
    pub(crate) fn may_find_in(&self, t: &[u8]) -> bool {
        t.windows(7).any(|w| w == b"hunter2")
    }
    pub(crate) fn mask<'t>(&self, t: &'t str) -> Cow<'t, str> {
        if t.contains("hunter2") {
            Cow::Owned(t.replace("hunter2", "[secret]"))
        } else {
            Cow::Borrowed(t)
        }
    }
}
