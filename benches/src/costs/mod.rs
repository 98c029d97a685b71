//! To be measured: what a program pays besides.

use crate::Result;
use crate::effort::Effort;
use crate::results::Section;

/// Measures everything of this part.
pub(crate) fn run(_effort: Effort) -> Result<Section> {
    Ok(Section {
        title: "Costs",
        ..Section::default()
    })
}

/// Does one measurement in a process of its own.
pub(crate) fn child(_arguments: &[&str]) -> Result<()> {
    Ok(())
}
