//! Applies the policy to nested values by their paths: `http.url` is the member `url` of the
//! property `http`, and an array adds nothing to a path. A rule may name the path, and the path
//! itself may be that of a secret. The action for the whole value is applied afterwards, so nothing
//! in it is treated more mildly.

use std::borrow::Cow;

use serde_json::Value;

use super::handling::{Handling, SECRET, push_handled};
use super::text::push_json;
use super::{JSON_DEPTH_MAX, LineLimits};
use crate::policy::{Action, InForce, MASKED, NamePath, Naming, Reading, Verdict};

/// Returns the value of a property after the actions for its paths, given the verdict on the whole
/// value. Without such actions, it is returned unchanged.
pub(super) fn with_members_handled<'v>(
    name: &str,
    value: &'v Value,
    bytes_max: usize,
    whole: Handling<'_>,
) -> Cow<'v, Value> {
    let members = Members {
        bytes_max,
        policy: whole.policy,
        whole: whole.action,
    };
    let naming = NamePath::of(name);
    match value {
        Value::Object(_) | Value::Array(_)
            if members.policy.names_members_of(name)
                || members.has_protected(naming, value, JSON_DEPTH_MAX) =>
        {
            let here = Here {
                path: name,
                is_exact: true,
                naming,
            };
            Cow::Owned(members.handled(here, value, JSON_DEPTH_MAX))
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => Cow::Borrowed(value),
    }
}

/// Returns the value of a property as a record would contain it, or `None` if it is dropped.
pub(crate) fn as_recorded(
    name: &str,
    value: &Value,
    limits: LineLimits,
    policy: &InForce,
) -> Option<Value> {
    let verdict = policy.verdict(name);
    if verdict.is_drop() {
        return None;
    }
    let bytes_max = limits.string_bytes_max;
    let handling = handling_of(verdict, value, policy);
    let value = with_members_handled(name, value, bytes_max, handling);
    Some(rewritten(&value, bytes_max, handling))
}

/// Returns the handling of a value for a verdict on its name.
pub(super) fn handling_of<'p>(
    verdict: Verdict,
    value: &Value,
    policy: &'p InForce,
) -> Handling<'p> {
    Handling {
        action: match value {
            Value::String(_) => verdict.text,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => verdict.bare,
        },
        reading: verdict.reading,
        policy,
    }
}

/// Applies a handling to a value by encoding and parsing it.
fn rewritten(value: &Value, bytes_max: usize, handling: Handling<'_>) -> Value {
    let mut out = Vec::new();
    push_handled(&mut out, bytes_max, handling, |out, bytes_max| {
        push_json(out, value, bytes_max, JSON_DEPTH_MAX);
    });
    // Text that was just written is valid; if it is not, its content is unknown.
    serde_json::from_slice(&out).unwrap_or_else(|_| Value::from(MASKED))
}

/// The rules that apply to members.
struct Members<'a> {
    bytes_max: usize,
    policy: &'a InForce,
    /// The action that is applied to the whole value afterwards.
    whole: Action,
}

/// A position in a value.
#[derive(Clone, Copy)]
struct Here<'p> {
    /// The path, as far as a rule may name it; paths are not built longer than rules are, so that
    /// long names cost nothing.
    path: &'p str,
    /// Whether the path is complete. If not, it ends in a dot, which no rule does.
    is_exact: bool,
    /// The classes of the names in the complete path.
    naming: NamePath,
}

impl Members<'_> {
    /// Returns `true` if a value contains a text whose path requires more than the action for the
    /// whole value.
    fn has_protected(&self, naming: NamePath, value: &Value, depth_max: usize) -> bool {
        let Some(depth_left) = depth_max.checked_sub(1) else {
            return false;
        };
        match value {
            Value::String(_) => self.naming(naming) != Naming::Plain,
            Value::Array(values) => {
                let mut values = values.iter();
                values.any(|value| self.has_protected(naming, value, depth_left))
            }
            Value::Object(values) => values
                .iter()
                .any(|(name, value)| self.has_protected(naming.member(name), value, depth_left)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Returns the class of a path where it requires more than the action for the whole value.
    fn naming(&self, path: NamePath) -> Naming {
        match path.naming() {
            Naming::Prose if self.whole >= Action::Redact => Naming::Plain,
            _ if self.whole >= Action::Mask => Naming::Plain,
            naming @ (Naming::Plain | Naming::Prose | Naming::Arguments | Naming::Secret) => naming,
        }
    }

    /// Returns a value after the actions for its paths.
    fn handled(&self, here: Here<'_>, value: &Value, depth_max: usize) -> Value {
        let Some(depth_left) = depth_max.checked_sub(1) else {
            // Values this deep are never written.
            return Value::Null;
        };
        match value {
            Value::Array(values) => {
                let values = values.iter();
                let values = values.map(|value| self.handled(here, value, depth_left));
                let value = Value::Array(values.collect());
                match self.naming(here.naming) {
                    // The value of a flag is the next element.
                    Naming::Arguments => self.protected(here, value),
                    Naming::Plain | Naming::Prose | Naming::Secret => value,
                }
            }
            Value::Object(values) => {
                let values = values.iter();
                let member = |(name, value): (&String, &Value)| {
                    let value = self.member(here, name, value, depth_left)?;
                    Some((name.clone(), value))
                };
                Value::Object(values.filter_map(member).collect())
            }
            Value::String(_) => self.protected(here, value.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Returns a text, or a list of arguments, after the action for its path.
    fn protected(&self, here: Here<'_>, value: Value) -> Value {
        let naming = self.naming(here.naming);
        let action = self.policy.least_of_text(naming, here.path);
        match action {
            Action::Keep => value,
            Action::Mask if value == "" => value,
            Action::Mask if self.whole == Action::Redact => Value::from(SECRET),
            Action::Redact | Action::Hash | Action::Mask | Action::Drop => {
                let handling = Handling {
                    action,
                    reading: match naming {
                        Naming::Arguments => Reading::Arguments,
                        Naming::Plain | Naming::Prose | Naming::Secret => Reading::Prose,
                    },
                    policy: self.policy,
                };
                rewritten(&value, self.bytes_max, handling)
            }
        }
    }

    /// Returns the member of that name after the action for its path, or `None` if it is dropped.
    fn member(
        &self,
        parent: Here<'_>,
        name: &str,
        value: &Value,
        depth_max: usize,
    ) -> Option<Value> {
        let naming = parent.naming.member(name);
        if !parent.is_exact {
            let here = Here { naming, ..parent };
            return Some(self.handled(here, value, depth_max));
        }
        let is_exact = self.policy.names_members_of(parent.path);
        let path = format!("{}.{}", parent.path, if is_exact { name } else { "" });
        let here = Here {
            path: &path,
            is_exact,
            naming,
        };
        let handled = || self.handled(here, value, depth_max);
        let named = (path.as_str(), naming.naming());
        let verdict = is_exact
            .then(|| self.policy.member_verdict(parent.path, named))
            .flatten();
        let Some(verdict) = verdict else {
            return Some(handled());
        };
        let by_rule = handling_of(verdict, value, self.policy);
        match by_rule.action {
            Action::Keep => Some(handled()),
            Action::Drop => None,
            Action::Redact | Action::Hash | Action::Mask => {
                Some(rewritten(&handled(), self.bytes_max, by_rule))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::policy::{Policy, Secrets};
    use crate::store::limits::Limits;

    fn in_force(rules: &[(&str, Action)]) -> InForce {
        let rules = rules.iter();
        let owner = rules.fold(Policy::new(), |policy, (name, action)| {
            policy.property(*name, *action)
        });
        InForce::new(Policy::new(), Some(owner), Secrets::new(None, None))
    }

    fn handled(rules: &[(&str, Action)], value: &Value) -> Value {
        let limits = LineLimits::from(&Limits::default());
        as_recorded("a", value, limits, &in_force(rules)).unwrap_or(Value::Null)
    }

    #[test]
    fn a_rule_applies_to_the_member_of_its_path_only() {
        let value =
            json!({"b": {"c": "x", "d": 1}, "c": "y", "list": [{"c": 1}, [{"c": 2, "d": 3}]]});
        let drop = |path: &'static str| handled(&[(path, Action::Drop)], &value);
        assert_eq!(drop("a.b.c")["b"], json!({"d": 1}));
        assert_eq!(drop("a.b.c")["c"], "y");
        assert_eq!(drop("a.b").get("b"), None);
        assert_eq!(drop("a.list.c")["list"], json!([{}, [{"d": 3}]]));
        assert_eq!(drop("a.*"), json!({}));
        assert_eq!(drop("b.c"), value);
        assert_eq!(drop("ab.*"), value);
        let masked = handled(&[("a.b.*", Action::Mask), ("a.c", Action::Hash)], &value);
        assert_eq!(masked["b"], json!({"c": MASKED, "d": MASKED}));
        assert_eq!(masked["c"], MASKED, "there is no key");
        assert_eq!(masked["list"], value["list"]);
    }

    #[test]
    fn a_rule_for_any_depth_applies_to_members_at_any_depth() {
        let value = json!({"b": {"Session": "x", "d": 1}, "list": [{"SESSION": 1}, [{"c": {"session": 2}}]]});
        let left = handled(&[("*.session", Action::Drop)], &value);
        assert_eq!(left, json!({"b": {"d": 1}, "list": [{}, [{"c": {}}]]}));
        let left = handled(&[("A.B.session", Action::Drop)], &value);
        assert_eq!(left["b"], json!({"d": 1}));
        assert_eq!(left["list"], value["list"]);
        let left = handled(&[("*.a", Action::Drop)], &value);
        assert_eq!(left, Value::Null, "its own name matches");
    }

    #[test]
    fn a_member_and_its_own_members_are_redacted() {
        let value = json!({"b": {"note": "password=hunter2"}, "c": "password=hunter2"});
        let redacted = handled(&[("a.b", Action::Redact)], &value);
        assert!(!redacted["b"].to_string().contains("hunter2"), "{redacted}");
        assert_eq!(redacted["c"], value["c"], "no rule names it");
    }

    #[test]
    fn members_that_no_rule_names_follow_their_parent() {
        let value = json!({"b": {"c": 1}, "d": 2});
        let rules = [("a.*", Action::Mask), ("a.b", Action::Keep)];
        assert_eq!(handled(&rules, &value), json!({"b": {"c": 1}, "d": MASKED}));
        let rules = [("*", Action::Drop), ("a", Action::Keep)];
        assert_eq!(handled(&rules, &value), value);
    }

    #[test]
    fn the_depth_of_members_is_limited() {
        let deep = (0..200).fold(json!(1), |value, _| json!({"b": value}));
        let left = handled(&[("a.b.c", Action::Drop)], &deep);
        assert!(left.to_string().contains('…'));
    }

    const ACTIONS: [Action; 5] = [
        Action::Keep,
        Action::Redact,
        Action::Hash,
        Action::Mask,
        Action::Drop,
    ];

    proptest! {
        #[test]
        fn no_member_is_treated_more_mildly_than_its_parent(
            chosen in proptest::collection::vec(0..5_usize, 3),
        ) {
            let names = ["a", "a.b", "a.b.c"];
            let rules: Vec<_> = names.into_iter().zip(chosen.iter().map(|it| ACTIONS[*it])).collect();
            let left = handled(&rules, &json!({"b": {"c": "value"}})).to_string();
            let strictest = rules.iter().map(|(_, action)| *action).max().unwrap();
            prop_assert_eq!(left.contains("value"), strictest <= Action::Redact, "{}", left);
        }
    }
}
