//! Markup that is being written, and the only place that writes a value into it. Names of elements
//! and attributes are constants, and each text and each value of an attribute is escaped, so that
//! an unescaped value does not compile. The result is HTML that is also well-formed XML.

use std::fmt::Write as _;

use super::super::super::sanitize::Sanitized;

/// Markup that is being written.
#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
}

/// The name and the value of an attribute.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Markup {
    /// Adds an element with the contents that the closure adds.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        contents: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.text.push('>');
        contents(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        if ENDS_A_LINE.contains(&name) {
            self.text.push('\n');
        }
    }

    /// Adds an element with a text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.element(name, attributes, |markup| markup.text(text));
    }

    /// Adds an element without contents.
    pub(super) fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.text.push_str(" />");
        if ENDS_A_LINE.contains(&name) {
            self.text.push('\n');
        }
    }

    /// Adds a text, escaped and without characters that act on a reader or hide themselves.
    pub(super) fn text(&mut self, text: &str) {
        for letter in Sanitized(text).to_string().chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                // XML does not allow them.
                '\u{fffe}' | '\u{ffff}' => {
                    // Writing to memory does not fail.
                    let _written = write!(self.text, "\\u{{{:x}}}", u32::from(letter));
                }
                letter => self.text.push(letter),
            }
        }
    }

    /// Adds a style sheet, which is a part of this program and has no `<` and no `&`.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.text.push_str("<style>");
        self.text.push_str(sheet);
        self.text.push_str("</style>\n");
    }

    /// Returns the page whose only element this is.
    pub(super) fn into_page(self) -> String {
        format!("<!DOCTYPE html>\n{}", self.text)
    }

    fn start(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.text(value);
            self.text.push('"');
        }
    }
}

/// Elements after which a line ends, so that two pages can be compared line by line.
const ENDS_A_LINE: [&str; 17] = [
    "html", "head", "meta", "title", "body", "header", "main", "section", "h1", "h2", "h3", "p",
    "table", "tr", "li", "figure", "details",
];

#[cfg(test)]
mod tests {
    use super::super::super::super::sanitize::tests::HOSTILE;
    use super::*;

    #[test]
    fn a_value_is_text_and_nothing_else() {
        for (value, expected) in [
            ("</script><b>", "&lt;/script&gt;&lt;b&gt;"),
            ("\"><svg onload=x>", "&quot;&gt;&lt;svg onload=x&gt;"),
            ("' onclick='", "&#39; onclick=&#39;"),
            ("&lt; &amp;", "&amp;lt; &amp;amp;"),
            ("\x1b[31m\0\n", r"\x1b[31m\x00\n"),
            ("\u{202e}x\u{fffe}\u{ffff}", r"\u{202e}x\u{fffe}\u{ffff}"),
            ("größe €, 日本語", "größe €, 日本語"),
        ] {
            let mut markup = Markup::default();
            markup.leaf("b", &[("title", value)], value);
            let expected = format!("<b title=\"{expected}\">{expected}</b>");
            assert_eq!(markup.text, expected);
        }
    }

    #[test]
    fn every_letter_of_a_value_is_one_that_xml_allows() {
        let mut markup = Markup::default();
        let all: String = ('\0'..='\u{ffff}').collect();
        for value in HOSTILE.into_iter().chain([all.as_str()]) {
            markup.text(value);
        }
        let is_allowed = |letter: char| !matches!(letter, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}'..='\u{ffff}' | '<' | '>' | '"' | '\'');
        assert_eq!(
            markup.text.chars().find(|letter| !is_allowed(*letter)),
            None
        );
    }

    #[test]
    fn elements_are_closed() {
        let mut markup = Markup::default();
        markup.element("p", &[("class", "a")], |markup| {
            markup.text("x");
            markup.empty("br", &[]);
        });
        assert_eq!(
            markup.into_page(),
            "<!DOCTYPE html>\n<p class=\"a\">x<br /></p>\n"
        );
    }
}
