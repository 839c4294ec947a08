//! Showing where in a text something is wrong.

/// Columns of a line that shows a text.
const WIDTH: usize = 100;

/// The text in one line, and below it a line with `^` under `length` characters from the character `start` on, counted
/// from 0.
///
/// A long text is cut around the place. Control characters are shown as spaces, so that both lines can go to a
/// terminal.
pub fn mark(text: &str, start: usize, length: usize) -> String {
    let shown = |letter: char| if letter.is_control() || is_format(letter) { ' ' } else { letter };
    let letters: Vec<char> = text.chars().map(shown).collect();
    let start = start.min(letters.len());
    let length = length.clamp(1, WIDTH / 2);
    let from = if letters.len() <= WIDTH { 0 } else { (start + length).saturating_sub(WIDTH * 3 / 4) };
    let line: String = letters.iter().skip(from).take(WIDTH).collect();
    format!("{}\n{}{}", line.trim_end(), " ".repeat(start - from.min(start)), "^".repeat(length))
}

/// Whether a character changes how those around it are shown.
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn the_place_is_below_the_text() {
        assert_eq!(mark("count,summ", 6, 4), "count,summ\n      ^^^^");
        assert_eq!(mark("é,x", 2, 1), "é,x\n  ^");
        assert_eq!(mark("", 0, 0), "\n^");
        assert_eq!(mark("a", 9, 0), "a\n ^");
        let long = mark(&"x".repeat(1000), 500, 3);
        assert!(long.lines().all(|line| line.len() <= 100), "{long}");
    }
}
