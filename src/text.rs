//! Texts for people: the characters that are unsafe to show, and the cutting of texts.

/// Returns `true` if a character acts on a terminal, is invisible, or reorders the characters
/// around it. The two zero-width joiners are safe: scripts and emoji need them.
///
/// ```
/// use localtel::read::is_unsafe_to_show;
///
/// let text = "red: \u{1b}[31m";
/// let shown: String = text.chars().filter(|character| !is_unsafe_to_show(*character)).collect();
/// assert_eq!(shown, "red: [31m");
/// ```
pub const fn is_unsafe_to_show(character: char) -> bool {
    matches!(
        character,
        // C0, DEL and C1: control characters of terminals.
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator, zero-width space, marks
            // of direction.
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            // Line and paragraph separators, embeddings; invisible operators, isolates.
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, interlinear annotations, tags.
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Writes a number with its noun, in the plural where it takes one.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Cuts a text at a character boundary; one that was cut ends in `…`.
pub(crate) fn cut(text: impl Into<String>, bytes_max: usize) -> String {
    let mut text = text.into();
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}
