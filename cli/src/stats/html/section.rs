//! A section of the page: its heading, the command that makes it, and what sections have in common.

use std::fmt;

use super::super::super::quantity::count;
use super::commands::PageCommands;
use super::escape::Markup;
use super::table::cut;

/// A section of the page.
pub(super) struct PageSection<'a> {
    pub(super) id: &'static str,
    pub(super) title: String,
    made_by: Option<MadeBy>,
    draw: Box<dyn Fn(&mut Markup) + 'a>,
}

/// The command that shows the contents of a section alone.
#[derive(Debug)]
enum MadeBy {
    /// `stats` with another question.
    Question(Vec<String>),
    /// Another command with the same selection.
    Command(&'static str),
}

impl fmt::Debug for PageSection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageSection")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> PageSection<'a> {
    /// Returns a section with the contents that the closure draws.
    pub(super) fn new(
        id: &'static str,
        title: impl Into<String>,
        draw: impl Fn(&mut Markup) + 'a,
    ) -> Self {
        Self {
            id,
            title: title.into(),
            made_by: None,
            draw: Box::new(draw),
        }
    }

    /// Returns the section with the question that makes it.
    pub(super) fn made_by(self, question: impl IntoIterator<Item = String>) -> Self {
        Self {
            made_by: Some(MadeBy::Question(question.into_iter().collect())),
            ..self
        }
    }

    /// Returns the section with the command that makes it.
    pub(super) fn made_by_command(self, command: &'static str) -> Self {
        Self {
            made_by: Some(MadeBy::Command(command)),
            ..self
        }
    }

    /// Draws the section.
    pub(super) fn draw(&self, commands: &PageCommands, markup: &mut Markup) {
        markup.element("section", &[("id", self.id)], |markup| {
            markup.leaf("h2", &[], &self.title);
            let command = self.made_by.as_ref().map(|made_by| match made_by {
                MadeBy::Question(question) => commands.with(question.iter().cloned()),
                MadeBy::Command(command) => commands.of(command),
            });
            if let Some(command) = command {
                draw_command(&command, markup);
            }
            (self.draw)(markup);
        });
    }
}

/// Draws the command that makes a part of the page.
pub(super) fn draw_command(command: &str, markup: &mut Markup) {
    markup.element("p", &[("class", "made")], |markup| {
        markup.leaf("code", &[], command);
    });
}

/// Draws what a table leaves out.
pub(super) fn draw_left_out(more_rows: usize, uncounted: u64, markup: &mut Markup) {
    if more_rows > 0 {
        let text = format!("{more_rows} more are left out; `--top all` lists them.");
        draw_sentence("p", &[("class", "note")], &text, markup);
    }
    if uncounted > 0 {
        let records = count(uncounted, "record");
        let text = format!("{records} have other names, which are too many to count each.");
        markup.leaf("p", &[("class", "note")], &text);
    }
}

/// Draws the commands that list the records of each row, and the places of examples.
pub(super) fn draw_row_commands<'r>(
    is_at: &str,
    rows: impl Iterator<Item = (&'r String, Option<&'r String>, &'r String)>,
    markup: &mut Markup,
) {
    markup.element("details", &[("class", "commands")], |markup| {
        markup.leaf("summary", &[], "The commands that list these records");
        markup.element("ol", &[], |markup| {
            for (name, example, show) in rows {
                markup.element("li", &[], |markup| {
                    markup.leaf("span", &[], &cut(name));
                    if let Some(example) = example {
                        markup.text("; ");
                        markup.text(is_at);
                        markup.text(" ");
                        markup.leaf("span", &[], example);
                    }
                    markup.empty("br", &[]);
                    markup.leaf("code", &[], show_or_why(show));
                });
            }
        });
    });
}

/// Returns a command that fits a page.
fn show_or_why(show: &str) -> &str {
    if show.len() > COMMAND_BYTES_MAX {
        "(the value is too long for this page; `stats --json` has the command)"
    } else {
        show
    }
}

/// Draws a sentence in which commands are between backticks.
pub(super) fn draw_sentence(
    name: &'static str,
    attributes: &[(&'static str, &str)],
    sentence: &str,
    markup: &mut Markup,
) {
    markup.element(name, attributes, |markup| {
        for (index, part) in sentence.split('`').enumerate() {
            if index % 2 == 1 {
                markup.leaf("code", &[], part);
            } else {
                markup.text(part);
            }
        }
    });
}

/// The longest command on the page.
const COMMAND_BYTES_MAX: usize = 1000;
