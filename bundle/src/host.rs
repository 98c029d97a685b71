//! The name of a machine in bundles and trees: what its owner calls it, or else a hash of its
//! machine id, which is the same for each export and does not contain the id. Who names a machine
//! is left to the command.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use sha2::Sha256;

use crate::disk;

/// The name of a machine: 1 to 60 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of a machine that its owner did not name: the first 16 hexadecimal digits
    /// of a keyed hash of its id. `printf 'localtel fleet' | openssl dgst -sha256 -hmac "$(cat
    /// /etc/machine-id)"` prints the whole hash.
    pub fn of_machine(id: &MachineId) -> Self {
        // A key that is shorter than a block is by definition padded with zeros; a whole block
        // cannot fail.
        let mut block = [0; BLOCK_BYTES];
        for (byte, key) in block.iter_mut().zip(id.0.bytes()) {
            *byte = key;
        }
        let mut hash = Hmac::<Sha256>::new(&block.into());
        hash.update(PURPOSE);
        let hash: [u8; 32] = hash.finalize().into_bytes().into();
        let digits = hash.iter().take(DIGITS / 2);
        Self(digits.fold(String::with_capacity(DIGITS), |text, byte| {
            text + &format!("{byte:02x}")
        }))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The reason why a text is not the name of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoHostName {
    /// It is empty or too long.
    #[error("the name of a machine has 1 to 60 bytes")]
    Length,
    /// It contains a control character.
    #[error("the name of a machine has no control characters")]
    Control,
}

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(name: &str) -> Result<Self, NoHostName> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(NoHostName::Length);
        }
        if name.chars().any(char::is_control) {
            return Err(NoHostName::Control);
        }
        Ok(Self(name.to_owned()))
    }
}

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The id that the system gave this machine at installation: 32 hexadecimal digits. It is kept out
/// of messages and bundles, so it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineId(String);

impl MachineId {
    /// Reads the id of this machine, if it has one.
    pub fn read() -> Option<Self> {
        let files = MACHINE_IDS.iter();
        files
            .filter_map(|path| disk::read_of_system(path, MACHINE_ID_BYTES_MAX))
            .find_map(|text| Self::parse(&text))
    }

    /// Returns the id in the contents of such a file.
    fn parse(text: &[u8]) -> Option<Self> {
        let id = std::str::from_utf8(text.trim_ascii()).ok()?;
        let is_one = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| Self(id.to_owned()))
    }
}

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MachineId(..)")
    }
}

/// The message of the hash: a machine id is not to be used as it is, and each use of it has a hash
/// of its own.
const PURPOSE: &[u8] = b"localtel fleet";
/// Number of digits of a hash in a name: enough to distinguish many millions of machines.
const DIGITS: usize = 16;
/// Encoded as the value of a partition a name of that length still fits into a file name.
const NAME_BYTES_MAX: usize = 60;
/// Number of bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// The files with the id of a machine: of systemd, and of D-Bus alone.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// More than an id and the end of its line.
const MACHINE_ID_BYTES_MAX: u64 = 64;
/// Number of digits of an id.
const ID_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_name_is_named_as_documented() {
        let id = MachineId::parse(b"0123456789abcdef0123456789abcdef\n").unwrap();
        // What `openssl dgst -sha256 -hmac` prints for it.
        assert_eq!(HostName::of_machine(&id).as_str(), "9f0fe5b3bcf9db74");
    }

    #[test]
    fn a_file_without_an_id_names_no_machine() {
        for text in [
            "",
            "uninitialized\n",
            "0123456789abcdef",
            "0123456789abcdef0123456789abcdeg",
            "0123456789abcdef0123456789abcdef0",
            "01234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert_eq!(MachineId::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_machine_id_is_in_no_message() {
        let id = MachineId::parse(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{id:?}"), "MachineId(..)");
    }

    #[test]
    fn a_name_has_1_to_60_bytes_and_no_control_characters() {
        let longest = "ä".repeat(30);
        for name in ["a", "web 1", "../..", "rack/7:b", longest.as_str()] {
            assert_eq!(name.parse::<HostName>().unwrap().as_str(), name);
        }
        let long = "a".repeat(61);
        for (name, reason) in [
            ("", NoHostName::Length),
            (long.as_str(), NoHostName::Length),
            ("a\nb", NoHostName::Control),
            ("\u{1b}[31m", NoHostName::Control),
            ("a\u{85}", NoHostName::Control),
        ] {
            assert_eq!(name.parse::<HostName>(), Err(reason), "{name:?}");
        }
    }
}
