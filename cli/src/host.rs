//! What the commands are called in all they print: `localtel`, or as the application says that embeds them.

use localtel::admin::Location;

/// The name of the program of its own, for the telemetry of all applications.
pub(crate) const LOCALTEL: &str = "localtel";

/// Returns what people type to reach the commands.
pub(crate) fn called(location: &Location) -> &str {
    location.commands_called().unwrap_or(LOCALTEL)
}
