//! The commands on consent: `enable`, `disable`, `reset`. What they say is here; who is obeyed
//! and what is stored is the library's `consent`.

use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use crate::consent::{self, Consent, Stored};
use crate::environment::Environment;

/// Stores that recording is allowed.
pub(crate) fn enable(
    place: &Place,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    choose(
        place,
        Consent::Enabled,
        &format!("{} enable", place.host.called()),
        environment,
        screen,
    )
}

/// Stores that recording is forbidden.
pub(crate) fn disable(
    place: &Place,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    choose(
        place,
        Consent::Disabled,
        &format!("{} disable", place.host.called()),
        environment,
        screen,
    )
}

fn choose(
    place: &Place,
    wanted: Consent,
    by: &str,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let path = place.path();
    let before = consent::store_choice(&path, wanted, by, screen.now)?;
    if let Some(problem) = before.problem() {
        let called = place.host.called();
        writeln!(screen.stderr, "{called}: replaced: {}", Sanitized(&problem))?;
    }
    let decision = place.decide(environment, &Stored::read_at(&path));
    let effect = if decision.state == wanted {
        String::new()
    } else {
        let now = match decision.state {
            Consent::Enabled => "on",
            Consent::Disabled | Consent::Undecided => "off",
        };
        format!("; {now} for now because of {}", decision.decided_by)
    };
    writeln!(
        screen.stdout,
        "{wanted} for {} (profile {}): saved{effect}",
        place.source, place.profile
    )?;
    Ok(Exit::Done)
}

/// Makes a new installation id.
pub(crate) fn reset(place: &Place, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let path = place.path();
    let installation = consent::reset(&path).map_err(|error| {
        if Stored::read_at(&path).problem().is_some() {
            Failure::from(error).hint(format!(
                "`{}` or `{}` puts a new choice in its place",
                place.command("enable"),
                place.command("disable")
            ))
        } else {
            Failure::from(error)
        }
    })?;
    writeln!(screen.stdout, "uuid: {}", installation.id)?;
    Ok(Exit::Done)
}

/// Examples for `enable`.
pub(crate) const ENABLE_EXAMPLES: &str = "\
The choice is stored for one profile of one application. DO_NOT_TRACK, a flag \
of the application and the variable <APP>_TELEMETRY are stronger; `localtel status` says who decides.

Examples:
  localtel --app myapp enable
  localtel --app myapp --profile work enable";

/// Examples for `disable`.
pub(crate) const DISABLE_EXAMPLES: &str = "\
Examples:
  localtel --app myapp disable
  localtel --app myapp clear          also remove what was recorded";

/// Examples for `reset`.
pub(crate) const RESET_EXAMPLES: &str = "\
The id and the salt of the hashes are both replaced; the choice stays. Records that \
are already there keep the old id; `localtel clear` removes them.

Examples:
  localtel --app myapp reset";
