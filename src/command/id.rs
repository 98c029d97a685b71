//! The id that links the records of one process tree: created by the first command, and passed on
//! in the environment. It contains nothing about the machine, its user or the installation.

use uuid::Uuid;

use crate::environment::{COMMAND_ID, Environment};
use crate::random;

/// Returns the id that this process was started with; an invalid UUID counts as none.
pub fn inherited(environment: &Environment) -> Option<Uuid> {
    let value = environment.command_id()?;
    let text = value.to_str().filter(|text| text.len() <= UUID_BYTES_MAX)?;
    Uuid::try_parse(text).ok()
}

/// Returns the id that this process was started with, or a new one; `None` if the system cannot
/// provide random bytes.
pub fn inherited_or_new(environment: &Environment) -> Option<Uuid> {
    inherited(environment).or_else(|| random::id_of_now().ok())
}

/// Returns the variable that passes the id on to a child process.
pub fn variable(id: Uuid) -> (&'static str, String) {
    (COMMAND_ID, id.to_string())
}

/// The property with the id in the records of a command.
pub const PROPERTY: &str = "command.id";
/// The longest form of a UUID, 36 characters after `urn:uuid:`.
const UUID_BYTES_MAX: usize = 9 + 36;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01936f0e-7d5c-7a51-9b63-3c1f0a9d2e4b";

    fn inherited_from(value: &str) -> Option<Uuid> {
        inherited(&Environment::for_test(
            "myapp",
            &[("LOCALTEL_COMMAND_ID", value)],
        ))
    }

    #[test]
    fn the_variable_passes_the_id_on() {
        let id: Uuid = ID.parse().unwrap();
        let (name, value) = variable(id);
        assert_eq!(name, "LOCALTEL_COMMAND_ID");
        assert_eq!(inherited_from(&value), Some(id));
        assert_eq!(
            inherited_from(&format!("urn:uuid:{}", ID.to_uppercase())),
            Some(id)
        );
    }

    #[test]
    fn an_invalid_uuid_is_ignored() {
        let long = "0".repeat(10 << 20);
        let padded = format!("{ID}\n");
        for value in ["", "1", "\u{1b}[2J\0", &padded, &format!("{ID}{ID}"), &long] {
            assert_eq!(inherited_from(value), None);
        }
        let environment = Environment::for_test("myapp", &[]);
        assert_eq!(inherited(&environment), None);
    }

    #[test]
    fn new_ids_begin_with_the_time_and_differ() {
        let environment = Environment::for_test("myapp", &[]);
        let (first, second) = (
            inherited_or_new(&environment).unwrap(),
            inherited_or_new(&environment).unwrap(),
        );
        assert_eq!(first.get_version_num(), 7);
        assert_ne!(first, second);
    }
}
