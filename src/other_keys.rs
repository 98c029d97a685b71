//! The keys of a small JSON file that this version does not know. A newer version of the same format wrote them, and
//! they stay as they are when the file is written again. What the known keys mean is the business of whose file it is.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::value::RawValue;

/// Keys that this version does not know, and their values as they stand in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct OtherKeys(BTreeMap<String, Box<RawValue>>);

impl OtherKeys {
    /// Returns no keys.
    pub(crate) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads an object, and returns what it has under other keys than these.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not an object.
    pub(crate) fn of(object: &[u8], known: &[&str]) -> serde_json::Result<Self> {
        let mut keys: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(object)?;
        keys.retain(|name, _| !known.contains(&name.as_str()));
        Ok(Self(keys))
    }

    /// Walks over the names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Removes the keys for which that is not true, given the name and the JSON text of the value. Returns `true` if
    /// there was one.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|name, value| is_kept(name, value.get()));
        self.0.len() < before
    }

    /// Writes an object with the known keys and these, on a line. Where that is longer than the file may be, these are
    /// left out.
    pub(crate) fn write_with(&self, known: &impl Serialize, bytes_max: u64) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Whole<'a, T> {
            #[serde(flatten)]
            known: &'a T,
            #[serde(flatten)]
            others: &'a BTreeMap<String, Box<RawValue>>,
        }
        let others = &self.0;
        let mut bytes = serde_json::to_vec(&Whole { known, others })?;
        if bytes.len() as u64 >= bytes_max {
            bytes = serde_json::to_vec(known)?;
        }
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl PartialEq for OtherKeys {
    fn eq(&self, other: &Self) -> bool {
        let texts = |keys: &Self| -> Vec<(String, String)> {
            let keys = keys.0.iter();
            keys.map(|(name, value)| (name.clone(), value.get().to_owned()))
                .collect()
        };
        self.0.len() == other.0.len() && texts(self) == texts(other)
    }
}

impl Eq for OtherKeys {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Known {
        format: u32,
    }

    #[test]
    fn what_is_not_known_is_written_again_to_the_letter() {
        let object = br#" {"z": 123456789012345678901234567890, "format":1,"a":{"b":[1.50, "\u00e4"]},"e":1e400} "#;
        let keys = OtherKeys::of(object, &["format"]).unwrap();
        assert!(keys.names().eq(["a", "e", "z"]));
        let written = keys.write_with(&Known { format: 2 }, 1000).unwrap();
        let expected = "{\"format\":2,\"a\":{\"b\":[1.50, \"\\u00e4\"]},\"e\":1e400,\
             \"z\":123456789012345678901234567890}\n";
        assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
        assert_eq!(OtherKeys::of(&written, &["format"]).unwrap(), keys);
        assert_ne!(OtherKeys::of(&written, &["format", "z"]).unwrap(), keys);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let object = format!("{{\"long\":\"{}\"}}", "x".repeat(100));
        let keys = OtherKeys::of(object.as_bytes(), &[]).unwrap();
        let written = |bytes_max| keys.write_with(&Known { format: 1 }, bytes_max).unwrap();
        let whole = written(1000);
        assert!(whole.len() > 100);
        assert_eq!(written(whole.len() as u64), whole);
        assert_eq!(written(whole.len() as u64 - 1), b"{\"format\":1}\n");
    }

    #[test]
    fn what_is_not_an_object_has_no_keys() {
        for wrong in ["", "[]", "1", "{\"a\":}", "{\"a\":1} 2"] {
            assert!(OtherKeys::of(wrong.as_bytes(), &[]).is_err(), "{wrong}");
        }
    }
}
