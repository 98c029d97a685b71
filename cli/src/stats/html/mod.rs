//! The answers of `stats` as one page that opens offline, in any browser, and prints on A4. It has
//! no script and no address of another file, and its policy (CSP) forbids both. `escape` alone
//! writes values, `svg` draws charts, and the other files are parts of the page.

mod breakdown;
mod commands;
mod escape;
mod overview;
mod rankings;
mod recorded;
mod section;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::super::explain::Explanation;
use super::super::time::Zone;
use super::document::StatsAnswer;
use super::text::TextStyle;
use escape::Markup;
use section::PageSection;

pub(super) use commands::{PageCommands, absolute};

/// A page.
#[derive(Debug)]
pub(super) struct ReportPage<'a> {
    pub(super) answer: &'a StatsAnswer,
    pub(super) style: TextStyle,
    pub(super) made: OffsetDateTime,
    pub(super) commands: PageCommands,
    /// What is recorded of each application among the inputs.
    pub(super) accounts: Vec<Explanation<'a>>,
    /// Number of inputs that could not be opened.
    pub(super) failures: usize,
}

impl ReportPage<'_> {
    /// Returns the page.
    pub(super) fn text(&self) -> String {
        let title = self.title();
        let mut markup = Markup::default();
        markup.element("html", &[("lang", "en")], |markup| {
            head(&title, markup);
            markup.element("body", &[], |markup| self.body(&title, markup));
        });
        markup.into_page()
    }

    fn title(&self) -> String {
        match self.answer {
            StatsAnswer::Overview(overview) => match overview.applications.as_slice() {
                [] => "What was recorded".to_owned(),
                [only] => format!("What {} did", only.name),
                several => format!("What {} applications did", several.len()),
            },
            StatsAnswer::Breakdown(breakdown) => breakdown::title(breakdown),
            StatsAnswer::Field(field) => format!("Values of {}", field.key),
        }
    }

    /// Returns the zone of all times: its name, or its offset now.
    fn zone_name(&self) -> String {
        if self.style.zone == Zone::UTC {
            return "UTC".to_owned();
        }
        let offset = self.style.zone.show(self.made).offset();
        let (hours, minutes, _) = offset.as_hms();
        let sign = if offset.is_negative() { '-' } else { '+' };
        format!(
            "{sign}{:02}:{:02}",
            hours.unsigned_abs(),
            minutes.unsigned_abs()
        )
    }

    fn sections(&self) -> Vec<PageSection<'_>> {
        let mut sections = match self.answer {
            StatsAnswer::Overview(overview) => overview::sections(overview, self.style),
            StatsAnswer::Breakdown(breakdown) => vec![breakdown::section(breakdown, self.style)],
            StatsAnswer::Field(field) => vec![breakdown::field_section(field, self.style)],
        };
        if !self.accounts.is_empty() {
            sections.push(recorded::section(&self.accounts));
        }
        sections
    }

    fn body(&self, title: &str, markup: &mut Markup) {
        let sections = self.sections();
        markup.element("header", &[], |markup| {
            self.header(title, &sections, markup);
        });
        markup.element("main", &[], |markup| {
            if let StatsAnswer::Overview(overview) = self.answer {
                overview::figures(overview, markup);
            }
            for section in &sections {
                section.draw(&self.commands, markup);
            }
        });
        let text = "This page is one file without a script. It loads nothing and sends nothing.";
        markup.element("footer", &[], |markup| markup.leaf("p", &[], text));
    }

    fn header(&self, title: &str, sections: &[PageSection<'_>], markup: &mut Markup) {
        markup.leaf("h1", &[], title);
        if let StatsAnswer::Overview(overview) = self.answer {
            let [first, last] = [overview.first, overview.last].map(|time| self.style.minute(time));
            let zone = self.zone_name();
            let span = format!("{first} to {last} ({zone})");
            markup.leaf("p", &[("class", "span")], &span);
        }
        let made = self.style.minute(Some(SystemTime::from(self.made).into()));
        let version = env!("CARGO_PKG_VERSION");
        let made = format!("{made} ({}), by localtel {version}", self.zone_name());
        markup.element("dl", &[("class", "facts")], |markup| {
            markup.element("div", &[], |markup| {
                markup.leaf("dt", &[], "Made");
                markup.leaf("dd", &[], &made);
            });
            markup.element("div", &[], |markup| {
                markup.leaf("dt", &[], "Command");
                markup.element("dd", &[], |markup| {
                    markup.leaf("code", &[], &self.commands.of_page());
                });
            });
        });
        markup.leaf("p", &[("class", "warning")], READ_FIRST);
        if self.failures > 0 {
            let text = format!(
                "Inputs that could not be read, and are not on this page: {}.",
                self.failures
            );
            markup.leaf("p", &[("class", "warning")], &text);
        }
        markup.element("nav", &[("aria-label", "Sections")], |markup| {
            for section in sections {
                let target = format!("#{}", section.id);
                markup.leaf("a", &[("href", &target)], &section.title);
                markup.text(" ");
            }
        });
    }
}

fn head(title: &str, markup: &mut Markup) {
    let policy = format!(
        "default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'",
        style_hash()
    );
    markup.element("head", &[], |markup| {
        markup.empty("meta", &[("charset", "utf-8")]);
        let attributes = [
            ("http-equiv", "Content-Security-Policy"),
            ("content", &policy),
        ];
        markup.empty("meta", &attributes);
        let viewport = [
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ];
        markup.empty("meta", &viewport);
        markup.empty(
            "meta",
            &[("name", "color-scheme"), ("content", "light dark")],
        );
        markup.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
        markup.leaf("title", &[], title);
        markup.style(STYLE);
    });
}

/// Returns the hash of the style, as a policy names it.
fn style_hash() -> String {
    format!("sha256-{}", base64(&Sha256::digest(STYLE.as_bytes())))
}

/// Returns bytes in base 64.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4_usize {
            let letter = if index > chunk.len() {
                '='
            } else {
                let sixth = (bits >> (18 - 6 * index)) & 0x3f;
                BASE64.chars().nth(sixth as usize).unwrap_or('=')
            };
            text.push(letter);
        }
    }
    text
}

const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The style of the page.
const STYLE: &str = include_str!("style.css");

/// What a reader must know before the page is handed on.
const READ_FIRST: &str =
    "Values are shown as they were recorded: read this page before you share it.";

/// The most columns of the charts over time.
pub(super) const COLUMNS_MAX: i64 = 90;
