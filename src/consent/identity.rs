//! The identity of an installation: a random id, a random salt, and its place of creation, which is
//! stored only as a hash keyed with the salt, so that a copied home directory is detected and the
//! file does not identify the machine. `stored` reads and writes them, and `store::elsewhere` reads
//! the files of the system.
//!
//! # Place of creation
//!
//! The hashed facts must survive reboots, remounts, renames and changes of the host's name, and
//! differ on another machine. So they are the machine's id (`/etc/machine-id` and its equivalents)
//! and the effective user. Only if a system has no such id, the directory's inode replaces it: a
//! copy has another one, and so does a restored backup. The device's number is left out, since it
//! changes from one mount to the next, and so is the path, which changes with a rename and is the
//! same in most copies. A copy on the same machine by the same user is therefore not detected: it
//! links no two users. A home that several machines share, or a container with an id of its own,
//! counts as copied on all but one of them, since they do share an id.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;
use crate::random;
use crate::store::disk::Directory;
use crate::store::elsewhere;

/// A random id for this directory, and the salt without which its hashes are useless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The id; it contains nothing about the machine or its user.
    pub id: Uuid,
    /// The salt.
    pub(crate) salt: Salt,
    /// The place of its creation.
    pub(crate) host: Option<HostHash>,
    /// The time of its creation, if the version that created it noted it.
    pub made: Option<OffsetDateTime>,
}

impl Installation {
    /// Creates an installation in that directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot provide random bytes.
    pub(super) fn make(directory: &Directory, now: OffsetDateTime) -> Result<Self> {
        let salt = Salt::random()?;
        Ok(Self {
            id: random::id()?,
            host: Some(HostFacts::of(directory).hash(&salt)),
            salt,
            made: Some(now),
        })
    }

    /// Returns the key of its keyed hashes.
    pub(crate) fn hash_key(&self) -> HashKey {
        HashKey(self.salt.clone())
    }

    /// Returns the texts that identify it, in lower case and without hyphens: its id, its salt and
    /// the hash of its host.
    pub(super) fn texts(&self) -> Vec<String> {
        let host = self.host.map(|host| host.to_string());
        let texts = [self.id.simple().to_string(), self.salt.to_string()];
        texts.into_iter().chain(host).collect()
    }

    /// Returns whether it was created here, for this directory, or elsewhere.
    pub(crate) fn origin(&self, directory: &Directory) -> InstallationOrigin {
        HostFacts::of(directory).origin(&self.salt, self.host)
    }
}

/// 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Salt([u8; Self::BYTES]);

impl Salt {
    const BYTES: usize = 32;

    fn random() -> Result<Self> {
        random::bytes().map(Self)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// With the salt, hashed values can be guessed, so it is kept out of messages.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt({} bytes)", Self::BYTES)
    }
}

/// The key for hashes of values: of this installation alone, and removed with its salt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HashKey(Salt);

impl HashKey {
    /// Returns the replacement of a value: `p-` and 64 bits of a keyed hash as hexadecimal digits,
    /// enough to distinguish some million values, and to recover none of them without the key.
    pub(crate) fn hash(&self, value: &str) -> String {
        let mut hash = keyed(&self.0, b"localtel pseudonym 1\0");
        hash.update(value.as_bytes());
        let hash: [u8; Salt::BYTES] = hash.finalize().into_bytes().into();
        let digits = hash.iter().take(HASH_BYTES);
        digits.fold(String::from("p-"), |text, byte| {
            text + &format!("{byte:02x}")
        })
    }
}

/// Starts a hash under a key, for one purpose. A key that is shorter than a block is by definition
/// padded with zeros; a whole block cannot fail.
fn keyed(key: &Salt, purpose: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; BLOCK_BYTES];
    for (byte, key) in block.iter_mut().zip(&key.0) {
        *byte = *key;
    }
    let mut hash = Hmac::<Sha256>::new(&block.into());
    hash.update(purpose);
    hash
}

/// Whether an installation is used where it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstallationOrigin {
    /// It was created on this machine by this user.
    Here,
    /// It was created on another machine or by another user.
    Elsewhere,
    /// The installation does not record its place of creation.
    Unknown,
}

/// The facts that identify this machine and user. It has no `Debug`: the facts name the machine,
/// and are kept out of messages.
#[derive(Clone, PartialEq, Eq)]
struct HostFacts {
    machine: Option<Vec<u8>>,
    user: u32,
    inode: u64,
}

impl HostFacts {
    /// Collects the facts for an installation in that directory.
    fn of(directory: &Directory) -> Self {
        Self {
            machine: elsewhere::machine_id(),
            // Not the user of this process: root may read the directory of a service.
            user: directory.owner(),
            inode: directory.inode(),
        }
    }

    /// Returns the hash to store.
    fn hash(&self, salt: &Salt) -> HostHash {
        match &self.machine {
            Some(machine) => self.hash_with(salt, b"machine", machine),
            None => self.hash_inode(salt),
        }
    }

    /// Compares with a stored hash.
    fn origin(&self, salt: &Salt, kept: Option<HostHash>) -> InstallationOrigin {
        match kept {
            None => InstallationOrigin::Unknown,
            // A machine may have received its id later.
            Some(kept) if kept == self.hash(salt) || kept == self.hash_inode(salt) => {
                InstallationOrigin::Here
            }
            Some(_) => InstallationOrigin::Elsewhere,
        }
    }

    fn hash_inode(&self, salt: &Salt) -> HostHash {
        self.hash_with(salt, b"inode", &self.inode.to_be_bytes())
    }

    /// The lengths are fixed or the facts are at the end, so no two sets of facts are the same
    /// bytes.
    fn hash_with(&self, salt: &Salt, kind: &[u8], fact: &[u8]) -> HostHash {
        let mut hash = keyed(salt, b"localtel host 1\0");
        hash.update(kind);
        hash.update(b"\0");
        hash.update(&self.user.to_be_bytes());
        hash.update(fact);
        HostHash(hash.finalize().into_bytes().into())
    }
}

/// The facts of a host as a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostHash([u8; 32]);

impl HostHash {
    pub(super) fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for HostHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Number of bytes of the keyed hash that are shown.
const HASH_BYTES: usize = 8;

/// The block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// Reads 32 bytes that are written as 64 hexadecimal digits of either case.
fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != bytes.len() * 2 {
        return None;
    }
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    for byte in &mut bytes {
        let both = digits.next()?? * 16 + digits.next()??;
        *byte = u8::try_from(both).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(machine: Option<&str>, user: u32, inode: u64) -> HostFacts {
        HostFacts {
            machine: machine.map(|id| id.as_bytes().to_vec()),
            user,
            inode,
        }
    }

    #[test]
    fn only_another_machine_or_user_is_elsewhere() {
        let salt = Salt::random().unwrap();
        let kept = Some(facts(Some("machine-a"), 1000, 7).hash(&salt));
        let table = [
            (facts(Some("machine-a"), 1000, 7), InstallationOrigin::Here),
            (facts(Some("machine-a"), 1000, 8), InstallationOrigin::Here),
            (
                facts(Some("machine-b"), 1000, 7),
                InstallationOrigin::Elsewhere,
            ),
            (
                facts(Some("machine-a"), 1001, 7),
                InstallationOrigin::Elsewhere,
            ),
            (facts(None, 1000, 7), InstallationOrigin::Elsewhere),
        ];
        for (now, expected) in table {
            assert_eq!(now.origin(&salt, kept), expected, "{:?}", now.machine);
            assert_eq!(now.origin(&salt, None), InstallationOrigin::Unknown);
        }
    }

    #[test]
    fn without_an_id_of_the_machine_a_copy_is_known_by_its_inode() {
        let salt = Salt::random().unwrap();
        let kept = Some(facts(None, 1000, 7).hash(&salt));
        let here = facts(None, 1000, 7);
        assert_eq!(here.origin(&salt, kept), InstallationOrigin::Here);
        let copy = facts(None, 1000, 8);
        assert_eq!(copy.origin(&salt, kept), InstallationOrigin::Elsewhere);
        let named_since = facts(Some("machine-a"), 1000, 7);
        assert_eq!(named_since.origin(&salt, kept), InstallationOrigin::Here);
    }

    #[test]
    fn the_hash_is_hmac_sha_256_of_the_facts() {
        // By Python: `hmac.new(bytes([7] * 32), facts, "sha256")`, the user as four bytes.
        let salt = Salt([7; Salt::BYTES]);
        assert_eq!(
            facts(Some("machine-a"), 1000, 7).hash(&salt).to_string(),
            "aae9b15be281ed795900edf332152f35d046ca4169a9f83331b18cd57174023f"
        );
    }

    #[test]
    fn the_hash_depends_on_the_salt_and_shows_no_fact() {
        let facts = facts(Some("0123456789abcdef"), 1000, 7);
        let hash = facts.hash(&Salt::random().unwrap());
        assert_ne!(hash, facts.hash(&Salt::random().unwrap()));
        assert_eq!(HostHash::parse(&hash.to_string()), Some(hash));
        assert!(!hash.to_string().contains("0123456789abcdef"));
        assert_eq!(HostHash::parse("abc"), None);
    }

    #[test]
    fn a_hash_is_hmac_sha_256_under_the_salt() {
        // By Python: `hmac.new(bytes([7] * 32), b"localtel pseudonym 1\0alice", "sha256")`.
        let key = HashKey(Salt([7; Salt::BYTES]));
        assert_eq!(key.hash("alice"), "p-d24e226b43096a74");
        assert_ne!(key.hash("alice"), key.hash("alic"));
        let other = HashKey(Salt([8; Salt::BYTES]));
        assert_ne!(key.hash("alice"), other.hash("alice"));
        assert!(!format!("{key:?}").contains("7, 7"));
    }

    #[test]
    fn a_salt_shows_in_its_file_and_nowhere_else() {
        let salt = Salt::random().unwrap();
        assert_eq!(Salt::parse(&salt.to_string()), Some(salt.clone()));
        assert!(!format!("{salt:?}").contains(&salt.to_string()));
        assert_ne!(salt, Salt::random().unwrap());
        assert!(salt.0.iter().any(|byte| *byte != 0));
    }
}
