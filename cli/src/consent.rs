//! The commands on consent: `enable`, `disable`, `reset`. They print the result; the library's
//! `consent` stores the choice and decides.

use localtel::admin::{ConsentChange, Location, Recording};
use localtel::consent::DecidedBy;
use localtel::{Consent, Error, ErrorKind};

use super::clear::{self, ClearArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::host::called;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::unnamed;

/// Arguments of `enable`.
#[derive(Debug, clap::Args)]
pub(crate) struct EnableArgs {
    /// Apply to all profiles of the application without a choice of their own
    #[arg(id = "localtel.all_profiles", long = "all-profiles")]
    all_profiles: bool,
}

/// Arguments of `disable`.
#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// Apply to all profiles of the application without a choice of their own
    #[arg(id = "localtel.all_profiles", long = "all-profiles")]
    all_profiles: bool,
    /// Also remove existing records, after confirmation
    #[arg(id = "localtel.clear", long = "clear")]
    clear: bool,
    /// Remove without confirmation
    #[arg(
        id = "localtel.yes",
        short = 'y',
        long = "yes",
        requires = "localtel.clear"
    )]
    yes: bool,
}

impl EnableArgs {
    /// Returns the command that stores the same choice.
    pub(crate) const fn typed(&self) -> &'static str {
        if self.all_profiles {
            "enable --all-profiles"
        } else {
            "enable"
        }
    }
}

impl DisableArgs {
    /// Returns the command that stores the same choice, and removes nothing.
    pub(crate) const fn typed(&self) -> &'static str {
        if self.all_profiles {
            "disable --all-profiles"
        } else {
            "disable"
        }
    }
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

/// Stores that recording is forbidden, then removes the records if asked to. Without a terminal for
/// the confirmation, the removal is refused, and the choice is still stored.
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

/// The profiles that a choice applies to.
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
            "--profile cannot be combined with --all-profiles",
        )),
    }
}

/// A choice of the user.
#[derive(Debug, Clone, Copy)]
struct MadeChoice {
    wanted: Consent,
    scope: ChoiceScope,
}

impl MadeChoice {
    /// Stores the choice, and prints what changed and whether recording follows it.
    fn store(self, location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
        let wanted = self.wanted;
        let called = called(location);
        let verb = match wanted {
            Consent::Enabled => "enable",
            Consent::Disabled | Consent::Undecided => "disable",
        };
        let by = format!("{called} {verb}");
        let (stored, scope) = match self.scope {
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
            "{wanted} for {location} ({scope}): {}",
            describe(&change, wanted)
        )?;
        self.print_effect(location, screen)
    }

    /// Adds the next step if the choice could not be stored, since recording then continues.
    fn not_stored(self, error: Error, location: &Location) -> Failure {
        match (self.wanted, error.kind(), location.name()) {
            (_, ErrorKind::Invalid { .. }, _) => unnamed(error, location),
            (_, ErrorKind::Foreign { .. }, _)
            | (_, _, None)
            | (Consent::Enabled | Consent::Undecided, _, Some(_)) => Failure::from(error),
            (Consent::Disabled, _, Some(source)) => Failure::from(error).hint(format!(
                "nothing was stored; until it is, `{}=off` or `DO_NOT_TRACK=1` forbids \
                 recording for one run",
                source.variable()
            )),
        }
    }

    /// Prints whether events are recorded where that differs from the choice, for each profile.
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
                let is_left = self.scope == ChoiceScope::AllProfiles && wanted == Recording::No;
                let command = location.command("disable");
                let is_own = answer.because.ends_with(&DecidedBy::Choice.to_string());
                let next = (is_left && is_own).then(|| format!("; next: `{command}`"));
                writeln!(
                    screen.stdout,
                    "{profile}recording: {}, because {}{}",
                    answer.recording,
                    Sanitized(&answer.because),
                    Sanitized(&next.unwrap_or_default())
                )?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Describes how the stored choice changed.
fn describe(change: &ConsentChange, wanted: Consent) -> String {
    match change.before {
        Some(before) if before == wanted && change.removed_installation => {
            format!("already {wanted}; the installation id is removed")
        }
        Some(before) if before == wanted => format!("already {wanted}"),
        Some(before @ (Consent::Enabled | Consent::Disabled)) => format!("saved, was {before}"),
        Some(Consent::Undecided) | None => "saved".to_owned(),
    }
}

/// Removes the installation id, the salt and the hash of the host.
pub(crate) fn reset(location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let Some(kept) = location.reset()? else {
        // Nothing is created for a misspelled name.
        return Err(Failure::failed(format!(
            "there is no id to remove: {location} (profile {}) has no stored choice and no records",
            location.profile()
        )));
    };
    writeln!(screen.stdout, "uuid: none")?;
    writeln!(
        screen.stdout,
        "id, salt and host are removed for {location} (profile {}); new ones are created with the next record; \
         the choice is still {kept}",
        location.profile(),
    )?;
    Ok(Exit::Done)
}

/// Examples for `enable`.
pub(crate) const ENABLE_EXAMPLES: &str = "\
The choice is stored for one profile of one application [default: the default profile]. \
DO_NOT_TRACK, the application's flag and the variable <APPLICATION>_TELEMETRY override it; `localtel status` \
shows which of them decides.

Examples:
  localtel --app myapp enable
  localtel --app myapp --profile work enable
  localtel --app myapp enable --all-profiles     not those with a choice";

/// Examples for `disable`.
pub(crate) const DISABLE_EXAMPLES: &str = "\
Disabling removes the installation id, its salt and the hash of the host from `consent.json`, and `history.json`; \
enabling again creates new ones. Existing records keep the old id until they are removed. It works on a full disk. The choice is stored before any record is removed; with --clear, \
but without --yes and a terminal, the choice is stored and the command fails.

Examples:
  localtel --app myapp disable
  localtel --app myapp disable --clear            also remove existing records
  localtel --app myapp disable --all-profiles --clear --yes";

/// Examples for `reset`.
pub(crate) const RESET_EXAMPLES: &str = "\
Removes the installation id, the salt of the hashes, the hash of the host, and `history.json` with the last version \
and the number of reports; new ones are created with the next record. The choice is kept. Existing records keep the old id; `localtel clear` removes them.

Examples:
  localtel --app myapp reset";
