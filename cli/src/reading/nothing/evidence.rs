//! What the records have where a part of the selection looks: the values that occur there, and the
//! names that are similar to typed ones.

use super::parts::{PartKind, SelectionPart, equality};
use super::values::ValueCounts;
use crate::near_names::NearNames;
use localtel::read::Term;
use localtel::read::raw::{FilterVerdict, Object, OrderedType, RawRecord, RawText};

/// The results of one part of a selection. Only the counts are kept of a part that matches a
/// record.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// Number of records that the part matches.
    pub(super) matching: u64,
    /// Number of records that only this part does not match.
    pub(super) failing_alone: u64,
    /// Number of records that have the key.
    pub(super) present: u64,
    /// Number of records whose value is not of the type that the part compares.
    pub(super) of_other_type: u64,
    /// The type that the part compares, if it met another one.
    pub(super) expected: Option<OrderedType>,
    /// The values that occur.
    pub(super) values: ValueCounts,
    /// The greatest value.
    pub(super) greatest: String,
    /// The similar ones of these values, for each typed value.
    pub(super) near_values: Vec<NearNames>,
    /// The keys that are similar to the typed one.
    pub(super) near_keys: NearNames,
}

impl Evidence {
    /// Starts without records.
    pub(super) fn new(part: &SelectionPart) -> Self {
        let typed = match &part.kind {
            PartKind::Target(names) | PartKind::Event(names) => names.clone(),
            PartKind::Session(start) => vec![start.clone()],
            PartKind::Condition(term) => {
                let value = equality(term).map(|(_, value)| value);
                value.into_iter().collect()
            }
            PartKind::Level
            | PartKind::Range { .. }
            | PartKind::Grep(_)
            | PartKind::Has(_)
            | PartKind::Lacks(_) => Vec::new(),
        };
        let key = match &part.kind {
            PartKind::Condition(term) | PartKind::Has(term) => term.key(),
            PartKind::Level
            | PartKind::Target(_)
            | PartKind::Event(_)
            | PartKind::Session(_)
            | PartKind::Range { .. }
            | PartKind::Grep(_)
            | PartKind::Lacks(_) => "",
        };
        let mut near_keys = NearNames::new(key);
        for own in OWN_KEYS {
            near_keys.compare(own);
        }
        Self {
            matching: 0,
            failing_alone: 0,
            present: 0,
            of_other_type: 0,
            expected: None,
            values: ValueCounts::default(),
            greatest: String::new(),
            near_values: typed.iter().map(|value| NearNames::new(value)).collect(),
            near_keys,
        }
    }

    /// Adds a record and the result of the part for it.
    pub(super) fn add(&mut self, kind: &PartKind, verdict: FilterVerdict<'_>, raw: &RawRecord<'_>) {
        match verdict {
            FilterVerdict::Passes => self.matching += 1,
            FilterVerdict::Fails | FilterVerdict::Own => {}
            FilterVerdict::OtherType { expected, .. } => {
                self.of_other_type += 1;
                self.expected = Some(expected);
            }
        }
        if self.matching > 0 {
            return;
        }
        match kind {
            PartKind::Level => self.values.add(raw.level.as_str()),
            PartKind::Target(_) => {
                let target = raw.target.decoded();
                self.values.add(&target);
                for near in &mut self.near_values {
                    near.compare_module(&target);
                }
            }
            PartKind::Event(_) => {
                if let Some(event) = raw.event.map(RawText::decoded) {
                    self.add_value(&event);
                }
            }
            PartKind::Session(start) => self.add_session(&raw.session.decoded(), start),
            PartKind::Condition(term) => self.add_values(term, raw),
            PartKind::Has(term) => self.add_keys(term.key(), raw),
            PartKind::Range { .. } | PartKind::Grep(_) | PartKind::Lacks(_) => {}
        }
    }

    fn add_session(&mut self, session: &str, start: &str) {
        if session > self.greatest.as_str() {
            session.clone_into(&mut self.greatest);
        }
        for near in &mut self.near_values {
            near.compare(session.get(..start.len()).unwrap_or(session));
        }
    }

    fn add_values(&mut self, term: &Term, raw: &RawRecord<'_>) {
        let values = term.values_in(raw);
        if !values.is_empty() {
            self.present += 1;
            for value in values {
                self.add_value(&value.to_text());
            }
        } else if self.present == 0 {
            self.add_keys(term.key(), raw);
        }
    }

    fn add_value(&mut self, value: &str) {
        self.values.add(value);
        // Numbers that are similar by their digits are not.
        if value.parse::<f64>().is_err() {
            for near in &mut self.near_values {
                near.compare(value);
            }
        }
    }

    /// Compares the keys of a record with the typed one.
    fn add_keys(&mut self, typed: &str, raw: &RawRecord<'_>) {
        let mut add = |span: Option<RawText<'_>>, properties: Object<'_>| {
            for (name, _) in properties.raw_members() {
                let name = name.decoded();
                self.near_keys.compare(&name);
                if let Some(span) = span.filter(|_| typed.contains('.')) {
                    self.near_keys
                        .compare(&format!("{}.{name}", span.decoded()));
                }
            }
        };
        add(None, raw.properties);
        for (span, properties) in raw.spans.iter() {
            add(Some(span), properties);
        }
    }

    /// Adds the results of later records, and leaves `later` without them.
    pub(super) fn merge(&mut self, later: &mut Self) {
        for (own, later) in [
            (&mut self.matching, &mut later.matching),
            (&mut self.failing_alone, &mut later.failing_alone),
            (&mut self.present, &mut later.present),
            (&mut self.of_other_type, &mut later.of_other_type),
        ] {
            *own += std::mem::take(later);
        }
        self.expected = self.expected.or(later.expected);
        self.values.merge(&mut later.values);
        self.near_keys.merge(&mut later.near_keys);
        for (own, later) in self.near_values.iter_mut().zip(&mut later.near_values) {
            own.merge(later);
        }
        let greatest = std::mem::take(&mut later.greatest);
        if greatest > self.greatest {
            self.greatest = greatest;
        }
        if self.matching > 0 {
            self.values = ValueCounts::default();
        }
    }
}

/// The keys that records have besides their properties.
const OWN_KEYS: [&str; 9] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
    "span",
];
