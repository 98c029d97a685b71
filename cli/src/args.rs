//! What was typed: the commands with their help. Parsing never touches the disk; what the words lead to
//! is each command's own.

use clap::{Parser, Subcommand};

use super::selection::SelectionArgs;
use super::{
    clear, consent, doctor, explain, manual, policy, profiles, record, report, run, show, status,
};

/// Shows and keeps the telemetry that applications record on this machine.
///
/// Telemetry that stays home: applications write their structured events to a directory of JSON lines
/// on this machine, and nothing ever leaves it. This command reads that directory and holds your
/// decision on whether anything is recorded at all.
#[derive(Debug, Parser)]
#[command(
    name = "localtel",
    bin_name = "localtel",
    version,
    max_term_width = 100
)]
// What a word that is not a command may have meant is said by `suggestion`.
#[command(allow_external_subcommands = true)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which telemetry is meant.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AnyCommand,
}

/// The commands of `localtel`.
#[derive(Debug, Subcommand)]
pub(crate) enum AnyCommand {
    /// On telemetry that is there.
    #[command(flatten)]
    OnPlace(AppCommand),
    /// Records one event, from a script
    #[command(after_help = record::EXAMPLES)]
    Record(record::RecordArgs),
    /// Runs a command and records how long it took and how it ended
    #[command(after_help = run::EXAMPLES)]
    Run(run::RunArgs),
    /// Prints completions for a shell
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(manual::CompletionsArgs),
    /// Prints the manual as roff
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArgs),
}

/// The commands on the telemetry of one application, which applications embed, too.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Shows what was recorded
    #[command(after_help = show::SHOW_EXAMPLES)]
    Show(show::ShowArgs),
    /// Shows the last records and then each new one as it comes: `show -f -n 10`
    #[command(after_help = show::TAIL_EXAMPLES)]
    Tail(show::ShowArgs),
    /// Removes recorded events
    #[command(after_help = clear::EXAMPLES)]
    Clear(clear::ClearArgs),
    /// Says whether events are recorded, who decided that, and where they lie
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArgs),
    /// Tells what is recorded and what never is, where it lies, who can read it, how to stop it
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Prints the deployment report as it would be recorded now, or the last that was recorded
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArgs),
    /// Allows recording from now on
    #[command(after_help = consent::ENABLE_EXAMPLES)]
    Enable(consent::EnableArgs),
    /// Forbids recording from now on; what was recorded stays unless --clear is given
    #[command(after_help = consent::DISABLE_EXAMPLES)]
    Disable(consent::DisableArgs),
    /// Removes the installation id; recording makes a new one, which nothing links with the old one
    #[command(after_help = consent::RESET_EXAMPLES)]
    Reset,
    /// Lists the profiles of an application: what holds, the installation id, how much is there
    #[command(after_help = profiles::EXAMPLES)]
    Profiles(profiles::ProfilesArgs),
    /// Shows and narrows what may be recorded
    #[command(after_help = policy::EXAMPLES, allow_external_subcommands = true)]
    Policy(policy::PolicyArgs),
    /// Looks for what is wrong with the consent, the directory and the data, and says what to do
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
}

const EXAMPLES: &str = "\
Examples:
  localtel show -l warn --since -2h   what went wrong in the last two hours
  localtel tail result=ERROR          failing commands as they happen
  localtel status                     is anything recorded, and why?
  localtel explain                    what is in it, who can read it, how to stop it?
  localtel --app myapp enable         allow it for one application
  localtel clear --before 2026-11-01  remove what is older
  localtel run -- make test           run a command and record how it went

Environment:
  LOCALTEL_DIR            the directory, instead of that of the application
  XDG_STATE_HOME          where applications have theirs [default: ~/.local/state]
  STATE_DIRECTORY         the same for a service of systemd, if XDG_STATE_HOME is not set
  DO_NOT_TRACK            set: nothing is recorded, whatever was chosen
  <APPLICATION>_TELEMETRY on or off for one run; empty: undecided
  LOCALTEL_PAGER, PAGER   shows what does not fit on a terminal; empty or `cat`: none
  NO_COLOR                set: no colours

Exit codes: 0 done, 1 failed, 2 usage, 3 findings, 4 nothing matched.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            let examples = command.get_after_help().map(ToString::to_string);
            assert!(
                examples.is_some_and(|text| {
                    text.contains("Examples:\n  localtel") && text.contains(&format!(" {name}"))
                }),
                "{name}"
            );
        }
    }

    #[test]
    fn the_place_may_stand_before_or_after_the_command() {
        for words in [
            ["localtel", "--app", "myapp", "status"],
            ["localtel", "status", "--app", "myapp"],
        ] {
            let arguments = Arguments::try_parse_from(words).unwrap();
            assert_eq!(arguments.selection.app.unwrap().as_str(), "myapp");
        }
    }
}
