//! The commands on consent: `enable`, `disable`, `reset`. What they say is here; who is obeyed
//! and what is stored is the library's `consent`.

use localtel::admin::{ConsentChange, Location, Recording};
use localtel::{Consent, Error, ErrorKind};

use super::clear::{self, ClearArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::host::called;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::unnamed;

/// Whom to allow it for.
#[derive(Debug, clap::Args)]
pub(crate) struct EnableArgs {
    /// For all profiles of the application that have no choice of their own
    #[arg(id = "localtel.all_profiles", long = "all-profiles")]
    all_profiles: bool,
}

/// Whom to forbid it for, and what becomes of what is there.
#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// For all profiles of the application that have no choice of their own
    #[arg(id = "localtel.all_profiles", long = "all-profiles")]
    all_profiles: bool,
    /// Also remove what was recorded, after asking
    #[arg(id = "localtel.clear", long = "clear")]
    clear: bool,
    /// Remove without asking
    #[arg(
        id = "localtel.yes",
        short = 'y',
        long = "yes",
        requires = "localtel.clear"
    )]
    yes: bool,
}

/// Stores that recording is allowed.
pub(crate) fn enable(
    location: &Location,
    args: &EnableArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let choice = MadeChoice {
        wanted: Consent::Enabled,
        scope: scope(location, args.all_profiles)?,
    };
    choice.store(location, screen)
}

/// Stores that recording is forbidden, and only then removes what was recorded: without a person to ask the second is
/// refused, and the first still done.
pub(crate) fn disable(
    location: &Location,
    args: &DisableArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let choice = MadeChoice {
        wanted: Consent::Disabled,
        scope: scope(location, args.all_profiles)?,
    };
    choice.store(location, screen)?;
    if !args.clear {
        return Ok(Exit::Done);
    }
    let everything = ClearArgs::everything(args.yes);
    match choice.scope {
        ChoiceScope::Profile => clear::run(location, &everything, screen),
        ChoiceScope::AllProfiles => {
            for location in location.profiles()? {
                writeln!(screen.stdout, "profile {}:", location.profile())?;
                clear::run(&location, &everything, screen)?;
            }
            Ok(Exit::Done)
        }
    }
}

/// What a choice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChoiceScope {
    Profile,
    AllProfiles,
}

fn scope(location: &Location, all_profiles: bool) -> Result<ChoiceScope, Failure> {
    match (all_profiles, location.profile().is_default()) {
        (false, _) => Ok(ChoiceScope::Profile),
        (true, true) => Ok(ChoiceScope::AllProfiles),
        (true, false) => Err(Failure::usage(
            "--profile names one profile and --all-profiles means all; say one of them",
        )),
    }
}

/// A choice that a person makes.
#[derive(Debug, Clone, Copy)]
struct MadeChoice {
    wanted: Consent,
    scope: ChoiceScope,
}

impl MadeChoice {
    /// Stores it, and says what changed and what holds now.
    fn store(self, location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
        let wanted = self.wanted;
        let called = called(location);
        let verb = match wanted {
            Consent::Enabled => "enable",
            Consent::Disabled | Consent::Undecided => "disable",
        };
        let by = format!("{called} {verb}");
        let (stored, whom) = match self.scope {
            ChoiceScope::Profile => (
                location.set_consent(wanted, &by),
                format!("profile {}", location.profile()),
            ),
            ChoiceScope::AllProfiles => (
                location.set_consent_for_all(wanted, &by),
                "all profiles".to_owned(),
            ),
        };
        let change = stored.map_err(|error| self.not_stored(error, location))?;
        if let Some(problem) = &change.problem {
            writeln!(screen.stderr, "{called}: replaced: {}", Sanitized(problem))?;
        }
        writeln!(
            screen.stdout,
            "{wanted} for {location} ({whom}): {}",
            describe(&change, wanted)
        )?;
        self.print_effect(location, screen)
    }

    /// Says what to do where the choice could not be stored: what is forbidden in no other way goes on.
    fn not_stored(self, error: Error, location: &Location) -> Failure {
        match (self.wanted, error.kind(), location.name()) {
            (_, ErrorKind::Invalid { .. }, _) => unnamed(error, location),
            (_, ErrorKind::Foreign { .. }, _)
            | (_, _, None)
            | (Consent::Enabled | Consent::Undecided, _, Some(_)) => Failure::from(error),
            (Consent::Disabled, _, Some(source)) => Failure::from(error).hint(format!(
                "nothing was stored, and it is as it was; until it is, `{}=off` or `DO_NOT_TRACK=1` forbids \
                 recording for one run",
                source.variable()
            )),
        }
    }

    /// Says what holds now where that is something else than the choice, in each profile that it is for.
    fn print_effect(self, location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
        let affected = match self.scope {
            ChoiceScope::Profile => vec![location.clone()],
            ChoiceScope::AllProfiles => location.profiles()?,
        };
        for location in affected {
            let answer = location.recording();
            let wanted = match self.wanted {
                Consent::Enabled => Recording::Yes,
                Consent::Disabled | Consent::Undecided => Recording::No,
            };
            if answer.recording != wanted {
                let profile = match self.scope {
                    ChoiceScope::Profile => String::new(),
                    ChoiceScope::AllProfiles => format!("profile {}: ", location.profile()),
                };
                writeln!(
                    screen.stdout,
                    "{profile}recording: {}, because {}",
                    answer.recording,
                    Sanitized(&answer.because)
                )?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Says what became of the stored choice.
fn describe(change: &ConsentChange, wanted: Consent) -> String {
    match change.before {
        Some(before) if before == wanted && change.removed_installation => {
            "it was already, and the installation id is removed".to_owned()
        }
        Some(before) if before == wanted => "it was already, nothing changed".to_owned(),
        Some(before @ (Consent::Enabled | Consent::Disabled)) => format!("saved, was {before}"),
        Some(Consent::Undecided) | None => "saved".to_owned(),
    }
}

/// Removes the installation id and what belongs to it, and says what holds now.
pub(crate) fn reset(location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let Some(kept) = location.reset()? else {
        // For a misspelled name nothing is made.
        return Err(Failure::failed(format!(
            "there is no id to remove: {location} (profile {}) has decided and recorded nothing",
            location.profile()
        )));
    };
    writeln!(screen.stdout, "uuid: none")?;
    writeln!(
        screen.stdout,
        "id, salt and host are removed for {location} (profile {}), and made anew when something is recorded; \
         the choice stays {kept}",
        location.profile(),
    )?;
    Ok(Exit::Done)
}

/// Examples for `enable`.
pub(crate) const ENABLE_EXAMPLES: &str = "\
The choice is stored for one profile of one application. DO_NOT_TRACK, a flag \
of the application and the variable <APP>_TELEMETRY are stronger; `localtel status` says who decides.

Examples:
  localtel --app myapp enable
  localtel --app myapp --profile work enable
  localtel --app myapp enable --all-profiles      profiles with a choice of their own keep it";

/// Examples for `disable`.
pub(crate) const DISABLE_EXAMPLES: &str = "\
Disabling removes the installation id, its salt and the hash of the host; enabled again, it is another \
installation. It needs no free room on the disk. \
The choice is stored before any record is removed; without --yes, and with nobody to ask, only the \
choice is stored and the command fails.

Examples:
  localtel --app myapp disable
  localtel --app myapp disable --clear            also remove what was recorded, after asking
  localtel --app myapp disable --all-profiles --clear --yes";

/// Examples for `reset`.
pub(crate) const RESET_EXAMPLES: &str = "\
The id, the salt of the hashes and the hash of the host are removed, and made anew when something is recorded; \
the choice stays. Records that are already there keep the old id; `localtel clear` removes them.

Examples:
  localtel --app myapp reset";
