//! Encodes values directly into the bytes of a line: the only module that writes lines. The
//! constant data of a call site is prepared in a [`Site`]; an event then adds only its time and its
//! values.
//!
//! A line is passed to the writer as a frame: without session and sequence number, which the
//! writer inserts at the position in the frame's header. `recorder` passes frames on;
//! `layer` decides which events become lines.

mod bridge;
mod chain;
mod closing;
mod fields;
mod frame;
mod handling;
mod nested;
mod site;
mod stamp;
mod text;

use serde_json::Value;
use tracing::field::Visit;

pub(crate) use self::bridge::{is_bridge, is_queried_by_bridge, is_record_admitted};
pub(crate) use self::chain::SpanChain;
pub(crate) use self::closing::SpanTimes;
pub(crate) use self::fields::SpanValues;
use self::fields::{EventFields, FieldVisitor, LastOfName};
pub(crate) use self::frame::FrameHeader;
pub(crate) use self::handling::SecretFree;
use self::handling::{push_handled, push_redacted_failure, split_failure};
pub(crate) use self::nested::as_recorded;
use self::nested::{handling_of, with_members_handled};
use self::site::PropertyKey;
pub(crate) use self::site::Site;
pub(crate) use self::stamp::Stamp;
pub(crate) use self::text::push_number;
use self::text::{Shadowed, push_json, push_string};
use crate::policy::{Action, InForce, Verdict};
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::record::{Level, OPENING, Properties, TIMESTAMP_BYTES};
use crate::store::limits::Limits;

/// The limits for one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLimits {
    string_bytes_max: usize,
    /// The longest line, in bytes.
    pub(crate) line_bytes_max: usize,
}

impl From<&Limits> for LineLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            string_bytes_max: limits.string_bytes_max,
            line_bytes_max: limits.line_bytes_effective_max(),
        }
    }
}

/// Writes everything before the message: a blank header with the level, the opening, a blank
/// timestamp, and the constant data of a call site.
fn push_start(out: &mut Vec<u8>, level: Level, source: &str, target: &str, event: Option<&str>) {
    out.extend_from_slice(&FrameHeader::blank(level));
    out.extend_from_slice(OPENING.as_bytes());
    out.extend_from_slice(&[b'0'; TIMESTAMP_BYTES]);
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(level.as_str().as_bytes());
    out.extend_from_slice(b"\",\"source\":");
    push_string(out, source, NAME_BYTES_MAX);
    out.extend_from_slice(b",\"target\":");
    push_string(out, target, NAME_BYTES_MAX);
    if let Some(event) = event {
        out.extend_from_slice(b",\"event\":");
        push_string(out, event, NAME_BYTES_MAX);
    }
}

/// A frame under construction in a buffer that is reused.
#[derive(Debug)]
pub(crate) struct PendingLine<'a> {
    out: &'a mut Vec<u8>,
    limits: LineLimits,
    head_end: usize,
    /// The end of the message, where session and sequence number will be inserted.
    number_at: usize,
    properties: usize,
    spans: u64,
    is_overlong: bool,
}

impl<'a> PendingLine<'a> {
    /// Starts a line with the timestamp `micros` (since 1970) and everything else before the
    /// message; `start` has a blank timestamp.
    pub(crate) fn start(
        out: &'a mut Vec<u8>,
        limits: LineLimits,
        (stamp, micros): (&mut Stamp, i64),
        start: &[u8],
    ) -> Self {
        out.clear();
        out.extend_from_slice(start);
        if let Some(place) = out
            .get_mut(TIMESTAMP_AT..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            stamp.write(micros, place);
        }
        let head_end = out.len();
        Self {
            out,
            limits,
            head_end,
            number_at: head_end,
            properties: 0,
            spans: 0,
            is_overlong: false,
        }
    }

    /// Adds the values of an event's fields, each name once: the last one wins. `message` is the
    /// message of the previous event from that call site, under the same policy.
    pub(crate) fn fields(
        &mut self,
        site: &Site,
        message: &mut SecretFree,
        record: impl Fn(&mut dyn Visit),
    ) {
        let winners = site.repeats.is_some().then(|| {
            let mut last = LastOfName {
                site,
                last: vec![None; site.keys.len()],
            };
            record(&mut last);
            last.last
        });
        record(&mut FieldVisitor(EventFields {
            line: self,
            site,
            message,
            winners: winners.as_deref(),
        }));
    }

    fn message(&mut self, write: impl FnOnce(&mut Vec<u8>, usize)) {
        let start = self.out.len();
        self.out.extend_from_slice(b",\"message\":");
        write(self.out, self.limits.string_bytes_max);
        let message_bytes = self.out.len() - start;
        // Properties that were written before the message move behind it.
        if start > self.number_at
            && let Some(tail) = self.out.get_mut(self.number_at..)
        {
            tail.rotate_right(message_bytes);
        }
        self.number_at += message_bytes;
    }

    fn property(&mut self, key: PropertyKey<'_>, write: impl FnOnce(&mut Vec<u8>, usize)) {
        self.properties += 1;
        if self.is_overlong || self.out.len() > self.limits.line_bytes_max {
            // Nothing more is formatted, since the line will be replaced.
            self.is_overlong = true;
            return;
        }
        if self.properties == 1 {
            self.out.extend_from_slice(b",\"properties\":{");
            self.out.extend_from_slice(key.first());
        } else {
            self.out.extend_from_slice(key.next());
        }
        write(self.out, self.limits.string_bytes_max);
    }

    /// Adds a property that is rendered already: `"name":value`.
    fn rendered_property(&mut self, rendered: &[u8]) {
        self.properties += 1;
        self.is_overlong |= self.out.len() + rendered.len() > self.limits.line_bytes_max;
        if self.is_overlong {
            return;
        }
        let opening: &[u8] = if self.properties == 1 {
            b",\"properties\":{"
        } else {
            b","
        };
        self.out.extend_from_slice(opening);
        self.out.extend_from_slice(rendered);
    }

    /// Ends the properties; spans follow.
    pub(crate) fn end_properties(&mut self) {
        if self.properties > 0 {
            self.out.push(b'}');
        }
    }

    /// Adds the spans, after the properties.
    pub(crate) fn spans(&mut self, chain: &SpanChain) {
        self.spans = chain.spans + chain.left_out;
        if self.spans == 0 {
            return;
        }
        let bytes = self.out.len() + chain.rendered.len();
        if chain.is_overlong || bytes > self.limits.line_bytes_max {
            self.is_overlong = true;
            return;
        }
        if chain.spans > 0 {
            self.out.extend_from_slice(b",\"spans\":[");
            self.out.extend_from_slice(&chain.rendered);
            self.out.push(b']');
        }
        if chain.left_out > 0 {
            self.out.extend_from_slice(b",\"spans_left_out\":");
            push_number(self.out, chain.left_out);
        }
    }

    /// Ends the line and writes its header; a line over the limit is replaced by a line that
    /// states this.
    pub(crate) fn finish(mut self, own: Own) {
        let bytes = self.out.len() + NUMBER_BYTES_MAX;
        if self.is_overlong || bytes > self.limits.line_bytes_max + FrameHeader::BYTES {
            self.replace_by_notice();
        }
        self.out.extend_from_slice(b"}\n");
        let header = FrameHeader {
            line_bytes: self.out.len() - FrameHeader::BYTES,
            number_at: self.number_at - FrameHeader::BYTES,
            is_own: own == Own::Localtel,
            is_error: FrameHeader::is_error(self.out),
        };
        if let Some(place) = self.out.first_chunk_mut() {
            *place = header.to_bytes();
        }
    }

    fn replace_by_notice(&mut self) {
        let bytes_max = self.limits.line_bytes_max;
        // A message that leaves room for the notice is kept; head and notice alone always fit.
        if self.number_at > bytes_max / 2 {
            self.number_at = self.head_end;
        }
        self.out.truncate(self.number_at);
        let (properties, spans) = (self.properties, self.spans);
        // Writing to a vector does not fail.
        drop(std::io::Write::write_fmt(
            self.out,
            format_args!(
                ",\"properties\":{{\"localtel.cut\":{{\"line_bytes_max\":{bytes_max},\
                 \"properties\":{properties},\"spans\":{spans}}}}}"
            ),
        ));
    }
}

/// The origin of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// The application.
    Application,
    /// A record that localtel writes on behalf of the application: a command, a report. It is
    /// counted as the application's, and only its target names localtel as its writer.
    OnBehalf,
    /// A record of localtel about the other records.
    Localtel,
}

/// The values of a synthetic record, which does not come from `tracing`.
#[derive(Debug)]
pub(crate) struct SyntheticRecord<'a> {
    /// The origin of the record.
    pub(crate) own: Own,
    /// The log level.
    pub(crate) level: Level,
    /// The application.
    pub(crate) source: &'a str,
    /// The part of the application that it comes from.
    pub(crate) target: &'a str,
    /// The event's name.
    pub(crate) event: Option<&'a str>,
    /// The event's message.
    pub(crate) message: Option<&'a str>,
    /// Names and values.
    pub(crate) properties: &'a Properties,
    /// The policy that applies to them; `None` for records about other records.
    pub(crate) policy: Option<&'a InForce>,
}

impl SyntheticRecord<'_> {
    /// Returns `true` if the policy admits the record.
    pub(crate) fn is_admitted(&self) -> bool {
        let target = target_as(self.own, self.target);
        self.policy
            .is_none_or(|policy| policy.admits_event(self.level, target, self.event))
    }

    fn verdict(&self, name: &str) -> Verdict {
        self.policy
            .map_or(Verdict::KEEP, |policy| policy.verdict(name))
    }

    fn push(
        &self,
        (name, verdict): (&str, Verdict),
        value: &Value,
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) {
        let Some(policy) = self.policy else {
            return push_json(out, value, bytes_max, JSON_DEPTH_MAX);
        };
        let handling = handling_of(verdict, value, policy);
        if handling.action == Action::Redact
            && let Some(failure) = self.failure(name, value)
        {
            return push_redacted_failure(out, bytes_max, policy, failure);
        }
        let value = with_members_handled(name, value, bytes_max, handling);
        push_handled(out, bytes_max, handling, |out, bytes_max| {
            push_json(out, &value, bytes_max, JSON_DEPTH_MAX);
        });
    }

    /// Returns kind and message if the value describes why a command failed.
    fn failure<'v>(&self, name: &str, value: &'v Value) -> Option<(&'v str, &'v str)> {
        let is_of_command =
            self.own == Own::OnBehalf && self.event == Some(OwnEvent::Command.name());
        let text = value
            .as_str()
            .filter(|_| is_of_command && name == "error")?;
        split_failure(text)
    }
}

/// Writes the frame of a synthetic record with the time `micros` (since 1970).
pub(crate) fn encode_synthetic(
    out: &mut Vec<u8>,
    limits: LineLimits,
    micros: i64,
    synthetic: &SyntheticRecord<'_>,
) {
    let mut start = Vec::with_capacity(START_BYTES);
    let target = target_as(synthetic.own, synthetic.target);
    push_start(
        &mut start,
        synthetic.level,
        synthetic.source,
        target,
        synthetic.event,
    );
    let mut line = PendingLine::start(out, limits, (&mut Stamp::new(), micros), &start);
    let of_message = synthetic.verdict("message");
    if let Some(message) = synthetic.message
        && !of_message.is_drop()
    {
        let message = Value::from(message);
        let named = ("message", of_message);
        line.message(|out, bytes_max| synthetic.push(named, &message, out, bytes_max));
    }
    let mut written = Vec::new();
    let shadowed = Shadowed::among(synthetic.properties.iter().map(|(name, _)| name));
    for (index, (name, value)) in synthetic.properties.iter().enumerate() {
        let verdict = synthetic.verdict(name);
        if shadowed.contains(index) || verdict.is_drop() {
            continue;
        }
        written.clear();
        let key = PropertyKey::write(&mut written, name);
        line.property(key, |out, bytes_max| {
            synthetic.push((name, verdict), value, out, bytes_max);
        });
    }
    line.end_properties();
    line.finish(synthetic.own);
}

/// Returns the target to record. Only localtel writes records with its own target: a record of the
/// application with that target could be taken for one of localtel.
fn target_as(own: Own, target: &str) -> &str {
    match own {
        Own::Application if target == OWN_TARGET => "app::localtel",
        Own::Application | Own::OnBehalf | Own::Localtel => target,
    }
}

/// Returns a text as it is stored in a line, for tests of readers.
#[cfg(test)]
pub(crate) fn json_string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_string(&mut out, text, usize::MAX);
    out
}

/// The longest name of a source, target, event, span or property in bytes. Names are written by
/// programmers; 256 bytes leave room for the head of every line, even with the smallest limit.
const NAME_BYTES_MAX: usize = 256;

/// The position of the timestamp in a frame.
const TIMESTAMP_AT: usize = FrameHeader::BYTES + OPENING.len();

/// The usual size of the part before a message: header, opening and timestamp are 49 bytes.
const START_BYTES: usize = 160;

/// `,"session":"` + 36 + `","seq":` + 20 digits, and `}` and a newline.
const NUMBER_BYTES_MAX: usize = 12 + 36 + 8 + 20 + 2;

/// The maximal nesting of a value: common parsers accept 128 levels.
const JSON_DEPTH_MAX: usize = 64;
