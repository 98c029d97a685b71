//! The colours of records.
//!
//! A theme decides what the 16 named colours are, and no hue among them is readable everywhere: in
//! the usual themes blue has a contrast of 1.6 to 1 on black, yellow 1.7, cyan 2.0 and green 2.2 on
//! white, and even red only 2.4 on black. The cube of 256 colours is the same in every theme. These
//! are from its middle, with at least 3 to 1 on each background in the test below, dark or light.
//! Grey replaces the attribute "dim", whose contrast differs between terminals. The text says the
//! same without colour.

use anstyle::{Ansi256Color, Color, Style};

use super::sanitize::push;
use super::screen::Colour;
use localtel::Level;

/// The styles of the parts of a record; all plain without colour.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Styles {
    pub(crate) time: Paint,
    pub(crate) target: Paint,
    pub(crate) event: Paint,
    pub(crate) key: Paint,
    /// The message of an error.
    pub(crate) failure: Paint,
    levels: [Paint; 5],
}

/// A style, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paint(Style);

impl Paint {
    /// Adds text in this style.
    pub(crate) fn push(self, out: &mut Vec<u8>, push_text: impl FnOnce(&mut Vec<u8>)) {
        if self.0.is_plain() {
            return push_text(out);
        }
        push(out, self.0.render());
        push_text(out);
        push(out, self.0.render_reset());
    }
}

impl Styles {
    pub(crate) fn new(colour: Colour) -> Self {
        match colour {
            Colour::Off => Self::default(),
            Colour::On => {
                let bold = Paint(Style::new().bold());
                let text = |colour| Paint(in_colour(colour));
                let strong = |colour| Paint(in_colour(colour).bold());
                Self {
                    time: text(GREY),
                    target: text(TEAL),
                    event: bold,
                    key: text(GREY),
                    failure: bold,
                    levels: [
                        text(MAGENTA),
                        text(BLUE),
                        text(GREEN),
                        strong(ORANGE),
                        strong(RED),
                    ],
                }
            }
        }
    }

    pub(crate) fn level(&self, level: Level) -> Paint {
        let [trace, debug, info, warn, error] = self.levels;
        match level {
            Level::Trace => trace,
            Level::Debug => debug,
            Level::Info => info,
            Level::Warn => warn,
            Level::Error => error,
        }
    }
}

fn in_colour(number: u8) -> Style {
    Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(number))))
}

const TEAL: u8 = 30;
const BLUE: u8 = 31;
const GREEN: u8 = 64;
const MAGENTA: u8 = 133;
const ORANGE: u8 = 166;
const RED: u8 = 196;
const GREY: u8 = 244;

#[cfg(test)]
mod tests {
    use super::*;

    /// Black, Campbell, VS Code, Ubuntu, Solarized dark, Dracula, Tomorrow; white, Solarized light
    /// and two light greys.
    const BACKGROUNDS: [u32; 11] = [
        0x00_0000, 0x0c_0c0c, 0x1e_1e1e, 0x30_0a24, 0x00_2b36, 0x28_2a36, 0x1d_1f21, 0xff_ffff,
        0xfd_f6e3, 0xee_eeee, 0xf6_f6f6,
    ];

    /// Returns the relative luminance of WCAG 2.
    fn luminance(colour: u32) -> f64 {
        let [_, red, green, blue] = colour.to_be_bytes().map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.03928 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(one: u32, other: u32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Returns the colour of that number in the cube or the greys of 256 colours.
    fn of_256(number: u8) -> u32 {
        let number = u32::from(number);
        if number >= 232 {
            return (8 + 10 * (number - 232)) * 0x01_0101;
        }
        let part = |step: u32| [0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff][step as usize % 6];
        let cube = number - 16;
        part(cube / 36) << 16 | part(cube / 6) << 8 | part(cube)
    }

    #[test]
    fn each_colour_is_readable_on_dark_and_on_light() {
        for number in [TEAL, BLUE, GREEN, MAGENTA, ORANGE, RED, GREY] {
            for background in BACKGROUNDS {
                let found = contrast(of_256(number), background);
                assert!(found >= 3.0, "{number} on {background:06x}: {found:.2}");
            }
        }
    }

    #[test]
    fn the_named_colours_of_xterm_are_not_readable_everywhere() {
        // Blue on black; yellow, cyan and green on white.
        assert!(contrast(0x00_00ee, 0) < 3.0);
        for colour in [0xcd_cd00, 0x00_cdcd, 0x00_cd00] {
            assert!(contrast(colour, 0xff_ffff) < 3.0, "{colour:06x}");
        }
    }
}
