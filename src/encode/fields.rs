//! The fields of events and spans: visitors that write values under their prepared keys, each name
//! once, the last one winning.

use std::fmt::{self, Write as _};

use serde::Serialize;
use tracing::field::{Field, Visit};

use super::handling::{Handling, SecretFree, push_handled, push_handled_again};
use super::site::{FieldKey, Site};
use super::text::{Escaped, push_formatted, push_hex, push_number, push_string};
use super::{LineLimits, NAME_BYTES_MAX, PendingLine};
use crate::policy::{Action, MASKED, Verdict};

/// The values of a span, each name once; they are rendered again whenever one is recorded.
#[derive(Debug, Default)]
pub(crate) struct SpanValues {
    values: Vec<SpanValue>,
}

/// One recorded field of a span.
#[derive(Debug, Clone)]
struct SpanValue {
    /// The index among the names of the call site; for names that repeat, that of the first one.
    index: usize,
    kind: FieldKind,
    /// The action that was applied to the value.
    action: Action,
    /// `"name":value`.
    written: Vec<u8>,
}

impl SpanValues {
    /// Adds newly recorded values.
    pub(crate) fn record(
        &mut self,
        site: &Site,
        limits: LineLimits,
        record: impl FnOnce(&mut dyn Visit),
    ) {
        record(&mut FieldVisitor(SpanFields {
            values: self,
            site,
            limits,
        }));
    }

    /// Adds newer values: the last value of each name wins.
    pub(crate) fn merge(&mut self, newer: Self) {
        for value in newer.values {
            self.put(value);
        }
    }

    fn put(&mut self, value: SpanValue) {
        match self.values.iter_mut().find(|own| own.index == value.index) {
            Some(old) => *old = value,
            None => self.values.push(value),
        }
    }

    /// Returns the values with a newer policy applied. Where it is stricter, the action cannot be
    /// applied again, since the original value is gone, so the value is masked; so is a hash, whose
    /// key may have changed.
    pub(crate) fn narrowed(&self, after: &Site) -> Self {
        let narrow = |value: &SpanValue| {
            let Some(FieldKey::Property(key, named)) = after.keys.get(value.index) else {
                return None;
            };
            let wanted = value.kind.handling(*named, after).action;
            if value.action >= wanted && value.action != Action::Hash {
                return Some(value.clone());
            }
            let mut written = after.key(*key).first().to_vec();
            push_string(&mut written, MASKED, NAME_BYTES_MAX);
            Some(SpanValue {
                action: Action::Mask,
                written,
                ..*value
            })
        };
        Self {
            values: self.values.iter().filter_map(narrow).collect(),
        }
    }

    /// Returns `true` if the field with that index has a value.
    pub(super) fn contains(&self, index: usize) -> bool {
        self.values.iter().any(|value| value.index == index)
    }

    /// Returns the rendered values: `"name":value`.
    pub(super) fn rendered(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(|value| value.written.as_slice())
    }

    /// Renders the span: `{"name":"…","properties":{…}}`.
    pub(crate) fn render(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(b"{\"name\":");
        push_string(&mut out, name, NAME_BYTES_MAX);
        for (index, value) in self.values.iter().enumerate() {
            let opening: &[u8] = if index == 0 {
                b",\"properties\":{"
            } else {
                b","
            };
            out.extend_from_slice(opening);
            out.extend_from_slice(&value.written);
        }
        if !self.values.is_empty() {
            out.push(b'}');
        }
        out.push(b'}');
        out
    }
}

/// A visitor that finds, for names that occur more than once, the field that is recorded last.
pub(super) struct LastOfName<'a> {
    pub(super) site: &'a Site,
    pub(super) last: Vec<Option<usize>>,
}

impl Visit for LastOfName<'_> {
    fn record_debug(&mut self, field: &Field, _value: &dyn fmt::Debug) {
        let first = self.site.first_of_name(field.index());
        if let Some(last) = self.last.get_mut(first) {
            *last = Some(field.index());
        }
    }
}

/// A sink that writes the fields of an event into its line.
pub(super) struct EventFields<'a, 'b> {
    pub(super) line: &'a mut PendingLine<'b>,
    pub(super) site: &'a Site,
    /// The previous message.
    pub(super) message: &'a mut SecretFree,
    pub(super) winners: Option<&'a [Option<usize>]>,
}

impl EventFields<'_, '_> {
    fn is_overridden(&self, field: &Field) -> bool {
        self.winners.is_some_and(|winners| {
            let winner = winners
                .get(self.site.first_of_name(field.index()))
                .copied()
                .flatten();
            winner != Some(field.index())
        })
    }
}

/// A sink that writes the fields of a span into its values.
struct SpanFields<'a> {
    values: &'a mut SpanValues,
    site: &'a Site,
    limits: LineLimits,
}

/// The destination of visited fields; values are encoded in the same way for all of them.
pub(super) trait FieldSink {
    /// Writes a value under the key of the field, as the policy allows it.
    fn put(&mut self, field: &Field, kind: FieldKind, write: impl FnOnce(&mut Vec<u8>, usize));

    /// Writes a number or a boolean.
    fn put_number(&mut self, field: &Field, value: impl Serialize) {
        self.put(field, FieldKind::Bare, |out, _| push_number(out, value));
    }
}

/// The encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// A number or a boolean.
    Bare,
    /// With quotes.
    Quoted,
    /// With quotes, and a text written by the author of an error.
    Error,
}

impl FieldKind {
    /// Returns the handling of a value of this kind, given the verdict on its name.
    pub(super) fn handling(self, named: Verdict, site: &Site) -> Handling<'_> {
        Handling {
            action: match self {
                Self::Bare => named.bare,
                Self::Quoted => named.text,
                Self::Error => named.text.max(site.policy.error_action()),
            },
            reading: named.reading,
            policy: &site.policy,
        }
    }
}

impl FieldSink for EventFields<'_, '_> {
    fn put(&mut self, field: &Field, kind: FieldKind, write: impl FnOnce(&mut Vec<u8>, usize)) {
        if self.is_overridden(field) {
            return;
        }
        match self.site.keys.get(field.index()) {
            Some(FieldKey::Property(key, named)) => {
                let handling = kind.handling(*named, self.site);
                self.line.property(self.site.key(*key), |out, bytes_max| {
                    push_handled(out, bytes_max, handling, write);
                });
            }
            // A message is a string, even if the application recorded a number.
            Some(FieldKey::Message(named)) => {
                let handling = kind.handling(*named, self.site);
                let before = Some(&mut *self.message);
                self.line.message(|out, bytes_max| {
                    push_handled_again(
                        out,
                        bytes_max,
                        handling,
                        before,
                        |out, bytes_max| match kind {
                            FieldKind::Quoted | FieldKind::Error => write(out, bytes_max),
                            FieldKind::Bare => {
                                out.push(b'"');
                                write(out, bytes_max);
                                out.push(b'"');
                            }
                        },
                    );
                });
            }
            Some(FieldKey::Dropped) | None => {}
        }
    }
}

impl FieldSink for SpanFields<'_> {
    fn put(&mut self, field: &Field, kind: FieldKind, write: impl FnOnce(&mut Vec<u8>, usize)) {
        let Some(FieldKey::Property(key, named)) = self.site.keys.get(field.index()) else {
            return;
        };
        let handling = kind.handling(*named, self.site);
        let mut written = self.site.key(*key).first().to_vec();
        push_handled(&mut written, self.limits.string_bytes_max, handling, write);
        self.values.put(SpanValue {
            index: self.site.first_of_name(field.index()),
            kind,
            action: handling.action,
            written,
        });
    }
}

/// A visitor that passes each field of an event or a span to its sink.
pub(super) struct FieldVisitor<S>(pub(super) S);

impl<S: FieldSink> Visit for FieldVisitor<S> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.put(field, FieldKind::Quoted, |out, bytes_max| {
            push_string(out, value, bytes_max);
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.put_number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.put_number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.put_number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.put_number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() {
            self.0.put_number(field, value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if u64::try_from(value).is_ok() {
            self.0.put_number(field, value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0.put(field, FieldKind::Quoted, |out, bytes_max| {
            push_hex(out, value, bytes_max);
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.put(field, FieldKind::Error, |out, bytes_max| {
            push_formatted(out, bytes_max, |text| write_error_chain(text, value));
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.put(field, FieldKind::Quoted, |out, bytes_max| {
            push_formatted(out, bytes_max, |text| write!(text, "{value:?}"));
        });
    }
}

/// Writes an error and its sources, joined by `: `.
fn write_error_chain(
    text: &mut Escaped<'_>,
    error: &(dyn std::error::Error + 'static),
) -> fmt::Result {
    write!(text, "{error}")?;
    std::iter::successors(error.source(), |error| (**error).source())
        .take(ERROR_SOURCES_MAX)
        .try_for_each(|error| write!(text, ": {error}"))
}

/// The maximal number of sources of an error: a chain may be circular.
const ERROR_SOURCES_MAX: usize = 64;
