//! The command line of `localtel`: its commands with their help. Parsing never touches the disk.

use clap::{Parser, Subcommand};

use super::reading::MatchArgs;
use super::screen::{ColourChoice, Screen};
use super::selection::SelectionArgs;
use super::time::ZoneArgs;
use super::{
    clear, consent, doctor, explain, export, import, manual, policy, profiles, record, report, run,
    sessions, show, stats, status,
};

/// Shows and manages the telemetry that applications record on this machine; nothing ever leaves it
#[derive(Debug, Parser)]
#[command(
    name = "localtel",
    bin_name = "localtel",
    version,
    max_term_width = 100
)]
// `suggestion` reports words that are not commands, with the nearest command.
#[command(allow_external_subcommands = true)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
#[command(arg(ColourChoice::flag()))]
pub(crate) struct Arguments {
    /// The telemetry to work on.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: AnyCommand,
}

/// The commands of `localtel`.
#[derive(Debug, Subcommand)]
pub(crate) enum AnyCommand {
    /// A command on telemetry that was recorded.
    #[command(flatten)]
    OnPlace(AppCommand),
    /// Records one event, from a script
    #[command(after_help = record::EXAMPLES)]
    Record(record::RecordArgs),
    /// Runs a command and records how long it took and how it ended
    #[command(after_help = run::EXAMPLES)]
    Run(run::RunArgs),
    /// Writes a bundle of all telemetry, to carry it to another machine
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Takes bundles of other machines into a tree of many machines
    #[command(after_help = import::EXAMPLES)]
    Import(import::ImportArgs),
    /// Prints completions for a shell
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(manual::CompletionsArgs),
    /// Prints manual pages as roff
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArgs),
}

/// The commands on the telemetry of one application, which applications can embed.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Shows recorded events
    #[command(after_help = show::SHOW_EXAMPLES)]
    Show(Box<show::ShowArgs>),
    /// Shows the last 10 records, then each new one as it is written
    #[command(after_help = show::TAIL_EXAMPLES, mut_args(show::as_of_tail))]
    Tail(Box<show::ShowArgs>),
    /// Lists the processes that recorded, and how each of them ended
    #[command(after_help = sessions::EXAMPLES, mut_args(sessions::as_of_sessions))]
    Sessions(Box<sessions::SessionsArgs>),
    /// Counts records: what happened, when, how often and how long it took
    #[command(after_help = stats::EXAMPLES)]
    Stats(Box<stats::StatsArgs>),
    /// Removes recorded events
    #[command(after_help = clear::EXAMPLES)]
    Clear(clear::ClearArgs),
    /// Shows whether events are recorded, which rule decided that, and where they are stored
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArgs),
    /// Explains what is recorded, where it is stored, who can read it, and how to stop it
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Prints the deployment report: the current one or the last one that was recorded
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArgs),
    /// Allows recording
    #[command(after_help = consent::ENABLE_EXAMPLES)]
    Enable(consent::EnableArgs),
    /// Forbids recording; existing records are kept unless --clear is given
    #[command(after_help = consent::DISABLE_EXAMPLES)]
    Disable(consent::DisableArgs),
    /// Removes the installation id; the next one cannot be linked with it
    #[command(after_help = consent::RESET_EXAMPLES)]
    Reset,
    /// Lists the profiles of an application with consent, installation id and size
    #[command(after_help = profiles::EXAMPLES)]
    Profiles(profiles::ProfilesArgs),
    /// Shows and restricts what is recorded
    #[command(after_help = policy::EXAMPLES, allow_external_subcommands = true)]
    Policy(policy::PolicyArgs),
    /// Checks consent, directory and data, and prints the next step for each problem
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
}

impl AnyCommand {
    /// Returns the flags that select the zone of times.
    pub(crate) fn zone(&self) -> ZoneArgs {
        match self {
            Self::OnPlace(command) => command.zone(),
            Self::Export(args) => args.zone,
            Self::Import(args) => args.zone,
            Self::Record(_) | Self::Run(_) | Self::Completions(_) | Self::Man(_) => {
                ZoneArgs::default()
            }
        }
    }
}

impl AppCommand {
    /// Returns the flags that select records, if it reads any.
    pub(crate) fn records(&self) -> Option<&MatchArgs> {
        match self {
            Self::Show(args) | Self::Tail(args) => Some(&args.records),
            Self::Sessions(args) => Some(&args.records),
            Self::Stats(args) => Some(&args.records),
            Self::Clear(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Report(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset
            | Self::Profiles(_)
            | Self::Policy(_)
            | Self::Doctor(_) => None,
        }
    }

    /// Returns `true` if the answer does not depend on the options of the location.
    pub(crate) fn is_of_no_place(&self) -> bool {
        match self {
            Self::Explain(args) => args.is_of_no_place(),
            Self::Policy(args) => args.text_to_test().is_some(),
            Self::Show(_)
            | Self::Tail(_)
            | Self::Sessions(_)
            | Self::Stats(_)
            | Self::Clear(_)
            | Self::Status(_)
            | Self::Report(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset
            | Self::Profiles(_)
            | Self::Doctor(_) => self.records().is_some_and(MatchArgs::has_paths),
        }
    }

    fn zone(&self) -> ZoneArgs {
        match self {
            Self::Show(args) | Self::Tail(args) => args.records.zone,
            Self::Sessions(args) => args.records.zone,
            Self::Stats(args) => args.records.zone,
            Self::Clear(args) => args.zone,
            Self::Status(args) => args.zone,
            Self::Explain(args) => args.zone,
            Self::Report(args) => args.zone,
            Self::Profiles(args) => args.zone,
            Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset
            | Self::Policy(_)
            | Self::Doctor(_) => ZoneArgs::default(),
        }
    }

    /// Returns `true` if the command is to be run for each application.
    pub(crate) const fn is_for_all(&self) -> bool {
        match self {
            Self::Explain(args) => args.all,
            Self::Report(args) => args.all,
            Self::Profiles(args) => args.all,
            Self::Policy(args) => args.all,
            Self::Doctor(args) => args.all,
            Self::Show(_)
            | Self::Tail(_)
            | Self::Sessions(_)
            | Self::Stats(_)
            | Self::Clear(_)
            | Self::Status(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset => false,
        }
    }

    /// Returns `true` if the output is JSON.
    pub(crate) const fn is_json(&self) -> bool {
        match self {
            Self::Explain(args) => args.json,
            Self::Report(args) => args.json,
            Self::Profiles(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Status(args) => args.json,
            Self::Stats(args) => args.json,
            Self::Show(_)
            | Self::Tail(_)
            | Self::Sessions(_)
            | Self::Clear(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset
            | Self::Policy(_) => false,
        }
    }

    /// Returns `true` if it keeps running, and shows new records.
    pub(crate) const fn follows(&self) -> bool {
        match self {
            Self::Tail(_) => true,
            Self::Show(args) => args.follow,
            Self::Sessions(_)
            | Self::Stats(_)
            | Self::Clear(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Report(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Reset
            | Self::Profiles(_)
            | Self::Policy(_)
            | Self::Doctor(_) => false,
        }
    }

    /// Shows from now on how far reading is, unless other programs get the records meanwhile.
    pub(crate) fn begin_progress(&self, screen: &Screen<'_>) {
        let streams = matches!(self, Self::Show(args) if args.streams_to(screen.sink));
        if !streams && !self.follows() {
            screen.progress.begin("reading");
        }
    }

    /// Returns the command that is suggested for a similar name: the same choice, or `status`.
    /// Nothing else may be done to telemetry that was not named.
    pub(crate) const fn for_similar_name(&self) -> &'static str {
        match self {
            Self::Enable(args) => args.typed(),
            Self::Disable(args) => args.typed(),
            Self::Show(_)
            | Self::Tail(_)
            | Self::Sessions(_)
            | Self::Stats(_)
            | Self::Clear(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Report(_)
            | Self::Reset
            | Self::Profiles(_)
            | Self::Policy(_)
            | Self::Doctor(_) => "status",
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  localtel show -l warn --since -2h   warnings and errors of the last two hours
  localtel tail result=ERROR          failed commands as they happen
  localtel status                     is anything recorded, and why?
  localtel --app myapp enable         allow recording for one application

Environment:
  LOCALTEL_DIR             telemetry directory, instead of the application's
  XDG_STATE_HOME           parent of the directories [default: ~/.local/state]
  STATE_DIRECTORY          the same in a systemd service, without XDG_STATE_HOME
  DO_NOT_TRACK             if set, nothing is recorded, whatever else is set
  <APPLICATION>_TELEMETRY  on or off, for one run
  LOCALTEL_ZONE            zone of times: local, utc or +02:00
                           [default: local on a terminal, else utc]
  LOCALTEL_PAGER, PAGER    pager on a terminal; empty or `cat`: no pager
  LESS                     options of the pager `less` [default: FRSX]
  NO_COLOR                 if set, no colours; only `--color` is above it
  CLICOLOR_FORCE           if set and not 0, colours in pipes, too
  CLICOLOR=0, TERM=dumb    no colours, unless CLICOLOR_FORCE is set

Exit codes: 0 done, 1 failed, 2 usage, 3 findings, 4 nothing matched.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_passes_claps_checks() {
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
    fn the_help_of_each_command_fits_a_screen() {
        let mut command = Arguments::command();
        command.build();
        for command in command.get_subcommands_mut() {
            let lines = command.render_help().to_string().lines().count();
            assert!(lines <= 60, "{}: {lines}", command.get_name());
        }
        let lines = command.render_help().to_string().lines().count();
        assert!(lines <= 60, "{lines}");
    }

    #[test]
    fn examples_fit_80_columns() {
        let mut waiting = vec![Arguments::command()];
        while let Some(command) = waiting.pop() {
            let help = command.get_after_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                // Text is wrapped by the parser, and examples are not.
                let is_example = line.starts_with("  ");
                assert!(!is_example || line.chars().count() <= 80, "{line}");
            }
            waiting.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn the_help_of_tail_has_only_its_own_options() {
        let mut command = Arguments::command();
        let tail = command.find_subcommand_mut("tail").unwrap();
        let help = tail.render_help().to_string();
        assert!(help.contains("[default: 10]"), "{help}");
        for flag in ["--follow", "--reverse", "--sort", "--count"] {
            assert!(!help.contains(flag), "{flag}: {help}");
        }
    }

    #[test]
    fn options_of_the_location_go_before_or_after_the_command() {
        for words in [
            ["localtel", "--app", "myapp", "status"],
            ["localtel", "status", "--app", "myapp"],
        ] {
            let arguments = Arguments::try_parse_from(words).unwrap();
            let [application] = arguments.selection.app.as_slice() else {
                panic!("{words:?}");
            };
            assert_eq!(application.as_str(), "myapp");
        }
    }
}
