//! Metadata: rows of a key, a value and whether it is included in reports. The application sets
//! them, and the owner of the machine can override each. The owner's changes are stored by
//! `policy`.

use std::collections::BTreeMap;

use super::text::{NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::policy::owner::Include;
use crate::policy::owner::OwnerMetadata;
use crate::text::cut;

/// The keys whose rows are at the top level of a report and not in its `metadata`, as in
/// `TimescaleDB`'s: the id of the instance, the id that it shares with its copies and restores, and
/// the time of its installation. The application sets them; the report's own `installation` and
/// `installed` are separate keys.
pub const RESERVED_KEYS: [&str; 3] = ["uuid", "exported_uuid", "install_timestamp"];

/// A value and whether it is included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetadataRow {
    pub(super) value: String,
    pub(super) include: Include,
}

impl MetadataRow {
    pub(super) fn new(value: impl Into<String>, include: Include) -> Self {
        Self {
            value: cut(value, VALUE_BYTES_MAX),
            include,
        }
    }
}

/// Returns the keys and values that are included once the owner has changed the application's rows.
pub(super) fn included(
    rows: &BTreeMap<String, MetadataRow>,
    changes: &BTreeMap<String, OwnerMetadata>,
) -> BTreeMap<String, String> {
    let mut rows = rows.clone();
    for (key, change) in changes {
        let key = cut(key, NAME_BYTES_MAX);
        match (rows.get_mut(&key), &change.value) {
            (Some(row), value) => {
                row.include = change.include.unwrap_or(row.include);
                if let Some(value) = value {
                    row.value = cut(value, VALUE_BYTES_MAX);
                }
            }
            (None, Some(value)) => {
                let include = change.include.unwrap_or(Include::Yes);
                rows.insert(key, MetadataRow::new(value, include));
            }
            (None, None) => {}
        }
    }
    rows.into_iter()
        .filter(|(_, row)| row.include == Include::Yes)
        .map(|(key, row)| (key, row.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: (&str, Option<&str>, Option<Include>)) -> String {
        let rows = BTreeMap::from([
            ("cloud".to_owned(), MetadataRow::new("ours", Include::Yes)),
            ("team".to_owned(), MetadataRow::new("db", Include::No)),
        ]);
        let (key, value, include) = change;
        let change = OwnerMetadata {
            value: value.map(str::to_owned),
            include,
        };
        let included = included(&rows, &BTreeMap::from([(key.to_owned(), change)]));
        let rows = included.iter().map(|(key, value)| format!("{key}={value}"));
        rows.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_owner_overrides_each_row() {
        let cases = [
            (("cloud", None, None), "cloud=ours"),
            (("cloud", Some("mine"), None), "cloud=mine"),
            (("cloud", None, Some(Include::No)), ""),
            (("team", Some("x"), None), "cloud=ours"),
            (("team", None, Some(Include::Yes)), "cloud=ours team=db"),
            (("rack", Some("7"), None), "cloud=ours rack=7"),
            (("rack", Some("7"), Some(Include::No)), "cloud=ours"),
            (("rack", None, Some(Include::Yes)), "cloud=ours"),
        ];
        for (change, expected) in cases {
            assert_eq!(with(change), expected, "{change:?}");
        }
    }

    #[test]
    fn a_long_key_is_the_same_key_to_application_and_owner() {
        let key = "k".repeat(1000);
        let rows = BTreeMap::from([(
            cut(&key, NAME_BYTES_MAX),
            MetadataRow::new("1", Include::Yes),
        )]);
        let change = OwnerMetadata {
            value: None,
            include: Some(Include::No),
        };
        assert!(included(&rows, &BTreeMap::from([(key, change)])).is_empty());
    }
}
