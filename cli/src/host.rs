//! The name of the commands in messages: `localtel`, or the words of the application that embeds
//! them.

use localtel::admin::Location;

/// The name of the standalone program.
pub(crate) const LOCALTEL: &str = "localtel";

/// Returns the words that users type to reach the commands.
pub(crate) fn called(location: &Location) -> &str {
    location.command_name().unwrap_or(LOCALTEL)
}
