//! What the commands that read records share: the flags that select them, the inputs, what could
//! not be read, and the reasons why nothing matched. What is done with the records is left to the
//! commands.

mod args;
mod hosts;
mod inputs;
mod labels;
mod newest;
mod nothing;
mod operand;
mod processes;
mod streams;
mod unread;

pub(crate) use args::{MatchArgs, OwnMatches, TimeRange};
pub(crate) use inputs::{NamedInput, OpenInput, RecordInputs, open_directory, within_limit};
pub(crate) use labels::InputLabels;
pub(crate) use nothing::EmptySelection;
pub(crate) use operand::{RecordOperand, parse_operand};
pub(crate) use processes::of_processes;
pub(crate) use streams::{Rewriters, Rewritten};
pub(crate) use unread::UnreadCounts;
