//! The commands on consent: `enable`, `disable`, `reset`. What they say is here; who is obeyed
//! and what is stored is the library's `consent`.

use super::clear::{self, ClearArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use localtel::internal::consent::{
    self, ApplicationProfile, Consent, ConsentDirectory, Scope, StoredConsent,
};
use localtel::internal::environment::Environment;
use localtel::internal::error::{Error, ErrorKind};

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
    place: &Place,
    args: &EnableArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let choosing = Choosing {
        wanted: Consent::Enabled,
        scope: scope(place, args.all_profiles)?,
        by: format!("{} enable", place.host.called()),
    };
    choosing.run(place, environment, screen)
}

/// Stores that recording is forbidden, and only then removes what was recorded: whoever has nobody to ask
/// is refused the second and still gets the first.
pub(crate) fn disable(
    place: &Place,
    args: &DisableArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let scope = scope(place, args.all_profiles)?;
    let choosing = Choosing {
        wanted: Consent::Disabled,
        scope,
        by: format!("{} disable", place.host.called()),
    };
    choosing.run(place, environment, screen)?;
    match scope {
        Scope::Profile => {}
        Scope::AllProfiles => forget_installations(place)?,
    }
    if !args.clear {
        return Ok(Exit::Done);
    }
    let everything = ClearArgs::everything(args.yes);
    match scope {
        Scope::Profile => clear::run(place, &everything, screen),
        Scope::AllProfiles => {
            for place in place.profiles()? {
                writeln!(screen.stdout, "profile {}:", place.profile)?;
                clear::run(&place, &everything, screen)?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Removes the installation of each profile that the choice for all of them disables.
fn forget_installations(place: &Place) -> Result<(), Failure> {
    for place in place.profiles()? {
        let path = place.path();
        let stored = StoredConsent::read_at(&path);
        if stored.consent() == Consent::Undecided && stored.installation().is_some() {
            let location = place.known_location();
            let site = ConsentDirectory {
                path: &path,
                location: location.as_ref(),
            };
            consent::reset(site)?;
        }
    }
    Ok(())
}

fn scope(place: &Place, all_profiles: bool) -> Result<Scope, Failure> {
    match (all_profiles, place.profile.is_default()) {
        (false, _) => Ok(Scope::Profile),
        (true, true) => Ok(Scope::AllProfiles),
        (true, false) => Err(Failure::usage(
            "--profile names one profile and --all-profiles means all; say one of them",
        )),
    }
}

/// A choice that a person makes.
struct Choosing {
    wanted: Consent,
    scope: Scope,
    by: String,
}

impl Choosing {
    /// Stores it, and says what changed and what holds now.
    fn run(
        &self,
        place: &Place,
        environment: &Environment,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        let wanted = self.wanted;
        let (path, whom) = match self.scope {
            Scope::Profile => (place.path(), format!("profile {}", place.profile)),
            Scope::AllProfiles => (place.base.clone(), "all profiles".to_owned()),
        };
        let location = self.location(place)?;
        let site = ConsentDirectory {
            path: &path,
            location: location.as_ref(),
        };
        let before = consent::set_consent_of(site, self.scope, wanted, &self.by, screen.now)
            .map_err(|error| self.not_stored(error, place))?;
        if let Some(problem) = before.problem() {
            let called = place.host.called();
            writeln!(screen.stderr, "{called}: replaced: {}", Sanitized(&problem))?;
        }
        write!(
            screen.stdout,
            "{wanted} for {} ({whom}): {}",
            place.called(),
            change(&before, wanted)
        )?;
        match self.scope {
            Scope::Profile => self.tell_effect(place, environment, screen),
            Scope::AllProfiles => self.tell_effects(place, environment, screen),
        }
    }

    /// Returns in whose name the choice is stored. What is stored can be withdrawn without a name.
    fn location(&self, place: &Place) -> Result<Option<ApplicationProfile>, Failure> {
        let is_withdrawn = self.wanted == Consent::Disabled
            && self.scope == Scope::Profile
            && StoredConsent::read_at(&place.path()) != StoredConsent::Missing;
        match place.known_location() {
            None if is_withdrawn => Ok(None),
            Some(_) | None => place.location().map(Some),
        }
    }

    /// Says what to do where the choice could not be stored: what is forbidden in no other way goes on.
    fn not_stored(&self, error: Error, place: &Place) -> Failure {
        match (self.wanted, error.kind(), place.name()) {
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

    /// Says what holds now in the one profile, where it is something else.
    fn tell_effect(
        &self,
        place: &Place,
        environment: &Environment,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        let stored = StoredConsent::read_at(&place.path());
        let decision = place.decide(environment, &stored, screen.now);
        let by = &decision.decided_by;
        match decision.state {
            state if state == self.wanted => writeln!(screen.stdout)?,
            Consent::Enabled => writeln!(screen.stdout, "; on for now because of {by}")?,
            Consent::Disabled | Consent::Undecided => {
                writeln!(screen.stdout, "; off for now because of {by}")?;
            }
        }
        Ok(Exit::Done)
    }

    /// Says what holds now in each profile where it is something else.
    fn tell_effects(
        &self,
        place: &Place,
        environment: &Environment,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        writeln!(screen.stdout)?;
        for place in place.profiles()? {
            let stored = StoredConsent::read_at(&place.path());
            let decision = place.decide(environment, &stored, screen.now);
            if decision.state != self.wanted {
                writeln!(
                    screen.stdout,
                    "profile {} is {} because of {}",
                    place.profile, decision.state, decision.decided_by
                )?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Says what became of the stored choice.
fn change(before: &StoredConsent, wanted: Consent) -> String {
    match before {
        StoredConsent::Known(choice) if choice.consent == wanted => match wanted {
            Consent::Disabled if choice.installation.is_some() => {
                "it was already, and the installation id is removed".to_owned()
            }
            Consent::Disabled | Consent::Enabled | Consent::Undecided => {
                "it was already, nothing changed".to_owned()
            }
        },
        StoredConsent::Known(choice) if choice.consent != Consent::Undecided => {
            format!("saved, was {}", choice.consent)
        }
        StoredConsent::Missing
        | StoredConsent::Known(_)
        | StoredConsent::Empty { .. }
        | StoredConsent::Damaged { .. }
        | StoredConsent::Unreadable { .. }
        | StoredConsent::Newer { .. } => "saved".to_owned(),
    }
}

/// Removes the installation id and what belongs to it, and says what holds now.
pub(crate) fn reset(place: &Place, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let path = place.path();
    if StoredConsent::read_at(&path) == StoredConsent::Missing {
        // For a misspelled name nothing is made.
        return Err(Failure::failed(format!(
            "there is no id to remove: {} (profile {}) has decided and recorded nothing",
            place.called(),
            place.profile
        )));
    }
    let location = place.known_location();
    let site = ConsentDirectory {
        path: &path,
        location: location.as_ref(),
    };
    let kept = consent::reset(site).map_err(|error| {
        if StoredConsent::read_at(&path).problem().is_some() {
            Failure::from(error).hint(format!(
                "`{}` or `{}` puts a new choice in its place",
                place.command("enable"),
                place.command("disable")
            ))
        } else {
            Failure::from(error)
        }
    })?;
    writeln!(screen.stdout, "uuid: none")?;
    writeln!(
        screen.stdout,
        "id, salt and host are removed for {} (profile {}), and made anew when something is recorded; \
         the choice stays {kept}",
        place.called(),
        place.profile,
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
