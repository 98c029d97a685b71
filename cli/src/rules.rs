//! A policy for people: its rules in plain sentences, and as `policy.toml`. The library's `policy`
//! defines the rules.

use localtel::Policy;
use localtel::policy::{Action, Admission, Rule};
use toml_edit::{DocumentMut, Item, Table, value};

/// Describes in plain sentences what a policy excludes; names in them are not sanitized.
pub(crate) fn sentences(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    // Names with the same description.
    let mut named: Vec<(&str, Vec<&str>)> = Vec::new();
    for rule in policy.rules() {
        let (beginning, name) = match rule {
            Rule::Level(level) => {
                lines.push(format!("Events below {level} are not recorded."));
                continue;
            }
            Rule::UnnamedDropped => {
                lines.push(ONLY_NAMED.to_owned());
                continue;
            }
            Rule::SecretsMasked => {
                lines.push(SECRETS.to_owned());
                continue;
            }
            Rule::Target(name, Admission::Drop) => ("Not recorded are targets", name),
            Rule::Target(name, Admission::Keep) => ("Recorded are targets", name),
            Rule::Event(name, Admission::Drop) => ("Not recorded are events", name),
            Rule::Event(name, Admission::Keep) => ("Recorded are events", name),
            Rule::Property(name, action) => (about(action), name),
        };
        match named.iter_mut().find(|(own, _)| *own == beginning) {
            Some((_, names)) => names.push(name),
            None => named.push((beginning, vec![name])),
        }
    }
    let named = named.iter();
    lines.extend(named.map(|(beginning, names)| sentence(beginning, names)));
    lines
}

/// Describes the action on the values whose names follow.
fn about(action: Action) -> &'static str {
    match action {
        Action::Keep => "Recorded as they are:",
        Action::Redact => "Recorded with the secrets in them masked:",
        Action::Hash => "Recorded as a keyed hash in place of the value:",
        Action::Mask => "Recorded as [masked] in place of the value:",
        Action::Drop => "Recorded neither with value nor name:",
    }
}

fn sentence(beginning: &str, names: &[&str]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{beginning} {}{more}.", shown.join(", "))
}

/// Formats a policy as `policy.toml`.
pub(crate) fn as_toml(policy: &Policy) -> String {
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    for rule in policy.rules() {
        match rule {
            Rule::Level(level) => {
                root.insert("level", value(level.as_str().to_ascii_lowercase()));
            }
            Rule::UnnamedDropped => {
                root.insert("unnamed", value("drop"));
            }
            Rule::SecretsMasked => {
                root.insert("secrets", value("mask"));
            }
            Rule::Target(name, word) => add(root, "targets", name, word.as_str()),
            Rule::Event(name, word) => add(root, "events", name, word.as_str()),
            Rule::Property(name, word) => add(root, "properties", name, word.as_str()),
        }
    }
    document.to_string()
}

fn add(root: &mut Table, table: &str, name: &str, word: &str) {
    let table = root
        .entry(table)
        .or_insert_with(|| Item::Table(Table::new()));
    if let Some(table) = table.as_table_mut() {
        table.insert(name, value(word));
    }
}

/// Description of an allow-list.
const ONLY_NAMED: &str = "Only events that a rule keeps, by event or target, are recorded, and of \
                          them only the values that a rule names.";

/// Description of the masking of secrets.
pub(crate) const SECRETS: &str = "Secrets in messages and error texts are masked: passwords, tokens, \
                                  private keys, addresses of e-mail and networks, your home directory \
                                  and your user name.";

/// Number of names that are listed.
const NAMES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use localtel::Level;
    use localtel::admin::parse_policy;

    fn policy() -> Policy {
        Policy::allow_list()
            .level(Level::Info)
            .deny_target("myapp::sql")
            .allow_event("command")
            .property("user", Action::Hash)
            .property("http.*", Action::Drop)
    }

    #[test]
    fn each_rule_has_a_plain_sentence() {
        let expected = [
            "Events below INFO are not recorded.",
            ONLY_NAMED,
            SECRETS,
            "Not recorded are targets `myapp::sql`.",
            "Recorded are events `command`.",
            "Recorded as a keyed hash in place of the value: `user`.",
            "Recorded neither with value nor name: `http.*`.",
        ];
        assert_eq!(sentences(&policy()), expected);
        assert_eq!(sentences(&Policy::new().keep_secrets()), [""; 0]);
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let many = (0..100).fold(Policy::new().keep_secrets(), |policy, number| {
            policy.property(format!("p{number}"), Action::Mask)
        });
        let lines = sentences(&many);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("`p11` and 88 more."), "{lines:?}");
    }

    #[test]
    fn the_words_of_the_file_read_back_as_the_same_rules() {
        for policy in [policy(), Policy::new(), Policy::new().keep_secrets()] {
            let text = as_toml(&policy);
            let read = parse_policy(&text).unwrap();
            let sorted = |policy: &Policy| {
                let mut rules: Vec<String> = policy
                    .rules()
                    .into_iter()
                    .map(|rule| format!("{rule:?}"))
                    .collect();
                rules.sort();
                rules
            };
            assert_eq!(sorted(&read), sorted(&policy), "{text}");
        }
    }
}
