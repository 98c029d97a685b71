//! Random bytes of the operating system, and ids that are created from them. A system that cannot
//! provide them, such as a sandbox without the call and without `/dev/urandom`, is an error here
//! and never a panic in the host.

use std::path::Path;

use uuid::{Builder, Uuid};

use crate::clock;
use crate::error::{Error, Result};

/// Returns that many random bytes.
///
/// # Errors
///
/// Returns an error if the operating system cannot provide them.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes).map_err(Error::io("get random bytes from", Path::new("the system")))?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    #[cfg(test)]
    if tests::IS_EXHAUSTED.get() {
        return Err(std::io::Error::from_raw_os_error(38));
    }
    getrandom::fill(bytes).map_err(std::io::Error::from)
}

/// Returns a new id without information: a UUID of version 4.
///
/// # Errors
///
/// Returns an error if the operating system cannot provide random bytes.
pub(crate) fn id() -> Result<Uuid> {
    Ok(Builder::from_random_bytes(bytes()?).into_uuid())
}

/// Returns a new id that begins with the time in milliseconds: a UUID of version 7.
///
/// # Errors
///
/// Returns an error if the operating system cannot provide random bytes.
pub(crate) fn id_of_now() -> Result<Uuid> {
    // A clock before 1970 reads as 1970.
    let millis = u64::try_from(clock::micros_since_epoch() / 1000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &bytes()?).into_uuid())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Whether the operating system fails to provide random bytes to this thread.
        pub(crate) static IS_EXHAUSTED: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs a function while the operating system fails to provide random bytes.
    pub(crate) fn exhausted<T>(work: impl FnOnce() -> T) -> T {
        IS_EXHAUSTED.set(true);
        let done = work();
        IS_EXHAUSTED.set(false);
        done
    }

    #[test]
    fn ids_have_their_version_and_differ() {
        let (first, second) = (id().unwrap(), id().unwrap());
        assert_ne!(first, second);
        assert_eq!(first.get_version_num(), 4);
        assert_eq!(first.get_variant(), uuid::Variant::RFC4122);
        let before = clock::micros_since_epoch() / 1000;
        let (first, second) = (id_of_now().unwrap(), id_of_now().unwrap());
        assert_ne!(first, second);
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first.get_variant(), uuid::Variant::RFC4122);
        let digits: String = first.to_string().chars().filter(|c| *c != '-').collect();
        let millis = i64::from_str_radix(digits.get(..12).unwrap(), 16).unwrap();
        assert!((before..before + 60_000).contains(&millis), "{millis}");
    }

    #[test]
    fn without_random_bytes_telemetry_is_off_with_a_reason() {
        use crate::Telemetry;
        use crate::consent::WhenUndecided;
        use crate::recorder::Delivery;
        let home = tempfile::tempdir().unwrap();
        let open = || {
            Telemetry::builder("testapp")
                .dir(home.path().join("telemetry"))
                .when_undecided(WhenUndecided::Record)
                .delivery(Delivery::Inline)
                .open()
        };
        // For the installation first, then only for the session.
        for _ in 0..2 {
            let telemetry = exhausted(open);
            let reason = telemetry.status().off_because.unwrap();
            assert!(reason.contains("random bytes"), "{reason}");
            drop(telemetry);
            assert!(open().status().is_recording);
        }
    }
}
