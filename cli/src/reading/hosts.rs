//! Conditions on the machine that recorded: where records of several machines are in a tree, the
//! key `host` selects machines, as it does in `--by` and in columns, and `properties.host` selects
//! by the property. They are tested once for each machine, and not for each record.

use localtel::read::raw::FilterVerdict;
use localtel::read::{Filter, Line, Position, SegmentNumber, Term};

/// Conditions that select machines.
#[derive(Debug, Clone)]
pub(crate) struct HostConditions {
    /// As they were typed.
    typed: Vec<String>,
    filter: Filter,
}

impl HostConditions {
    pub(super) fn new<'a>(terms: impl Iterator<Item = &'a Term>) -> Self {
        let mut conditions = Self {
            typed: Vec::new(),
            filter: Filter::new(),
        };
        for term in terms {
            conditions.typed.push(term.to_string());
            conditions.filter = conditions.filter.term(term.clone());
        }
        conditions
    }

    /// Returns the conditions as they were typed; nothing if there are none.
    pub(crate) fn typed(&self) -> &[String] {
        &self.typed
    }

    /// Returns `true` if all of them match a machine.
    pub(crate) fn admit(&self, host: &str) -> bool {
        if self.typed.is_empty() {
            return true;
        }
        // A record whose property is the machine, so that each operator means what it always does.
        let line = serde_json::json!({
            "timestamp": "1970-01-01T00:00:00.000000Z", "level": "INFO", "source": "-",
            "target": "-", "session": "00000000-0000-0000-0000-000000000000", "seq": 0,
            "properties": { "host": host },
        })
        .to_string();
        let line = Line::new(Position::new(SegmentNumber::FIRST, 0), line.as_bytes());
        let verdict = line.read_raw(|raw| self.filter.verdict(raw) == FilterVerdict::Passes);
        verdict.unwrap_or(false)
    }
}

/// Returns `true` for a condition on the key `host`, and not on the property of that name.
pub(super) fn is_of_host(term: &Term) -> bool {
    term.key() == "host" && !term.to_string().trim_start().starts_with("properties.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_on_the_host_has_the_usual_operators() {
        for (typed, host, expected) in [
            ("host=web-1", "web-1", true),
            ("host=web-1", "web-10", false),
            ("host=web-1,db", "db", true),
            ("host!=web-1", "db", true),
            ("host~^web", "web-1", true),
            ("host!~^web", "web-1", false),
            ("host=a b\"c", "a b\"c", true),
            ("host=0042", "0042", true),
        ] {
            let term: Term = typed.parse().unwrap();
            let conditions = HostConditions::new([&term].into_iter());
            assert_eq!(conditions.admit(host), expected, "{typed} {host}");
        }
        let none = HostConditions::new(std::iter::empty());
        assert!(none.admit("any"));
    }

    #[test]
    fn the_property_of_that_name_is_no_condition_on_the_host() {
        for (typed, expected) in [
            ("host=a", true),
            ("properties.host=a", false),
            ("request.host=a", false),
            ("host.name=a", false),
        ] {
            let term: Term = typed.parse().unwrap();
            assert_eq!(is_of_host(&term), expected, "{typed}");
        }
        assert!(is_of_host(&Term::has("host").unwrap()));
        assert!(!is_of_host(&Term::lacks("properties.host").unwrap()));
    }
}
