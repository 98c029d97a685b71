//! The sessions that an owner ended: by withdrawing consent, or by a reset of the installation.

use std::path::Path;

use crate::consent::StoredConsent;
use crate::tally::SessionTally;

/// Notes which sessions without an end the owner of a directory ended: consent was withdrawn or the
/// installation reset after they began, and after that no end is recorded. `input` is the number of
/// the directory among the inputs of the tally.
pub fn note_withdrawn(directory: &Path, input: usize, sessions: &mut SessionTally) {
    let consent = StoredConsent::read_at(directory);
    // Without its file it is not known which installation is in use.
    if consent.known().is_some() {
        let installation = consent.installation().map(|own| own.id);
        sessions.withdraw_others(input, installation);
    }
}
