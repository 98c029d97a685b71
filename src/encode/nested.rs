//! What is nested in a value, as rules for its own path let it stand: `http.url` is the member `url` of the
//! property `http`, and an array adds nothing to a path. What becomes of the whole value comes after that,
//! so nothing in it is treated more mildly.

use std::borrow::Cow;

use serde_json::Value;

use super::text::push_json;
use super::treated::push_treated;
use super::{JSON_DEPTH_MAX, LineLimits};
use crate::policy::{InForce, MASKED, Treatment};

/// Returns a property's value after the rules for what is nested in it. Where there are none, it is the same.
pub(super) fn with_members_treated<'v>(
    name: &str,
    value: &'v Value,
    bytes_max: usize,
    policy: &InForce,
) -> Cow<'v, Value> {
    match value {
        Value::Object(_) | Value::Array(_) if policy.names_members_of(name) => {
            let members = Members { bytes_max, policy };
            Cow::Owned(members.treated(name, value, JSON_DEPTH_MAX))
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => Cow::Borrowed(value),
    }
}

/// Returns a property's value as a record would hold it, or nothing if it is dropped.
pub(crate) fn as_recorded(
    name: &str,
    value: &Value,
    limits: LineLimits,
    policy: &InForce,
) -> Option<Value> {
    let treatment = policy.treatment(name);
    if treatment == Treatment::Drop {
        return None;
    }
    let bytes_max = limits.string_bytes_max;
    let value = with_members_treated(name, value, bytes_max, policy);
    Some(rewritten(&value, treatment, bytes_max, policy))
}

/// Treats a value by writing it, as a record does, and reading that.
fn rewritten(value: &Value, treatment: Treatment, bytes_max: usize, policy: &InForce) -> Value {
    let mut out = Vec::new();
    push_treated(
        &mut out,
        bytes_max,
        (treatment, policy),
        |out, bytes_max| {
            push_json(out, value, bytes_max, JSON_DEPTH_MAX);
        },
    );
    // What was just written can be read; if not, nobody knows what is in it.
    serde_json::from_slice(&out).unwrap_or_else(|_| Value::from(MASKED))
}

/// What members are treated by.
struct Members<'a> {
    bytes_max: usize,
    policy: &'a InForce,
}

impl Members<'_> {
    /// Returns a value with what the rules leave of its members.
    fn treated(&self, path: &str, value: &Value, depth_max: usize) -> Value {
        let Some(depth_left) = depth_max.checked_sub(1) else {
            // So deep nothing is ever written.
            return Value::Null;
        };
        // Paths are made only where a rule is as long, so that long names cost nothing.
        if !self.policy.names_members_of(path) {
            return copied(value, depth_max);
        }
        match value {
            Value::Array(values) => {
                let values = values.iter();
                values
                    .map(|value| self.treated(path, value, depth_left))
                    .collect()
            }
            Value::Object(values) => {
                let values = values.iter();
                let member = |(name, value): (&String, &Value)| {
                    let value = self.member(path, name, value, depth_left)?;
                    Some((name.clone(), value))
                };
                Value::Object(values.filter_map(member).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    /// Returns what is left of the member of that name, if anything.
    fn member(&self, parent: &str, name: &str, value: &Value, depth_max: usize) -> Option<Value> {
        let path = format!("{parent}.{name}");
        match self.policy.member_treatment(parent, &path) {
            None | Some(Treatment::Keep) => Some(self.treated(&path, value, depth_max)),
            Some(Treatment::Drop) => None,
            Some(treatment @ (Treatment::Clean | Treatment::Pseudonym | Treatment::Mask)) => {
                let value = self.treated(&path, value, depth_max);
                Some(rewritten(&value, treatment, self.bytes_max, self.policy))
            }
        }
    }
}

/// Copies what of a value is ever written, however deep it is.
fn copied(value: &Value, depth_max: usize) -> Value {
    let Some(depth_left) = depth_max.checked_sub(1) else {
        return Value::Null;
    };
    match value {
        Value::Array(values) => values.iter().map(|it| copied(it, depth_left)).collect(),
        Value::Object(values) => {
            let values = values.iter();
            let copy = |(name, it): (&String, &Value)| (name.clone(), copied(it, depth_left));
            Value::Object(values.map(copy).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::policy::{Policy, Secrets};
    use crate::store::limits::Limits;

    fn in_force(rules: &[(&str, Treatment)]) -> InForce {
        let rules = rules.iter();
        let owner = rules.fold(Policy::new(), |policy, (name, treatment)| {
            policy.property(*name, *treatment)
        });
        InForce::new(Policy::new(), Some(owner), Secrets::new(None, None))
    }

    fn treated(rules: &[(&str, Treatment)], value: &Value) -> Value {
        let limits = LineLimits::from(&Limits::default());
        as_recorded("a", value, limits, &in_force(rules)).unwrap_or(Value::Null)
    }

    #[test]
    fn a_rule_reaches_the_member_of_its_path_and_no_other() {
        let value =
            json!({"b": {"c": "x", "d": 1}, "c": "y", "list": [{"c": 1}, [{"c": 2, "d": 3}]]});
        let drop = |path: &'static str| treated(&[(path, Treatment::Drop)], &value);
        assert_eq!(drop("a.b.c")["b"], json!({"d": 1}));
        assert_eq!(drop("a.b.c")["c"], "y");
        assert_eq!(drop("a.b").get("b"), None);
        assert_eq!(drop("a.list.c")["list"], json!([{}, [{"d": 3}]]));
        assert_eq!(drop("a.*"), json!({}));
        assert_eq!(drop("b.c"), value);
        assert_eq!(drop("ab.*"), value);
        let masked = treated(
            &[("a.b.*", Treatment::Mask), ("a.c", Treatment::Pseudonym)],
            &value,
        );
        assert_eq!(masked["b"], json!({"c": MASKED, "d": MASKED}));
        assert_eq!(masked["c"], MASKED, "there is no key");
        assert_eq!(masked["list"], value["list"]);
    }

    #[test]
    fn a_member_is_cleaned_and_so_is_what_is_nested_in_it() {
        let value = json!({"b": {"note": "password=hunter2"}, "c": "password=hunter2"});
        let cleaned = treated(&[("a.b", Treatment::Clean)], &value);
        assert!(!cleaned["b"].to_string().contains("hunter2"), "{cleaned}");
        assert_eq!(cleaned["c"], value["c"], "no rule names it");
    }

    #[test]
    fn members_that_no_rule_names_follow_their_parent() {
        let value = json!({"b": {"c": 1}, "d": 2});
        let rules = [("a.*", Treatment::Mask), ("a.b", Treatment::Keep)];
        assert_eq!(treated(&rules, &value), json!({"b": {"c": 1}, "d": MASKED}));
        let rules = [("*", Treatment::Drop), ("a", Treatment::Keep)];
        assert_eq!(treated(&rules, &value), value);
    }

    #[test]
    fn depth_has_an_end() {
        let deep = (0..200).fold(json!(1), |value, _| json!({"b": value}));
        let left = treated(&[("a.b.c", Treatment::Drop)], &deep);
        assert!(left.to_string().contains('…'));
    }

    const TREATMENTS: [Treatment; 5] = [
        Treatment::Keep,
        Treatment::Clean,
        Treatment::Pseudonym,
        Treatment::Mask,
        Treatment::Drop,
    ];

    proptest! {
        #[test]
        fn no_member_is_treated_more_mildly_than_its_parent(
            chosen in proptest::collection::vec(0..5_usize, 3),
        ) {
            let names = ["a", "a.b", "a.b.c"];
            let rules: Vec<_> = names.into_iter().zip(chosen.iter().map(|it| TREATMENTS[*it])).collect();
            let left = treated(&rules, &json!({"b": {"c": "value"}})).to_string();
            let strictest = rules.iter().map(|(_, treatment)| *treatment).max().unwrap();
            prop_assert_eq!(left.contains("value"), strictest <= Treatment::Clean, "{}", left);
        }
    }
}
