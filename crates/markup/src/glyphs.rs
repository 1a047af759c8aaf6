//! How wide texts are, for drawings that nobody lays out after us.

/// Advance widths of the printable ASCII characters, `' '` to `'~'`, in DejaVu Sans, in thousandths of the font's size. It is as wide as
/// Verdana and wider than the fonts that systems use for their interfaces, so a text that fits by these fits with those.
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337,
    337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732,
    684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635,
    635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];
/// A letter of another alphabet, or a sign, at its widest.
const OTHER: u16 = 840;
/// Characters that fill a square, as in Chinese, and pictures.
const SQUARE: u16 = 1_100;

/// The width of a line of text in a font of this size, in the same unit.
#[must_use]
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| f64::from(width(c))).sum::<f64>() * size / 1_000.0
}

fn width(c: char) -> u16 {
    match c {
        ' '..='~' => WIDTHS[c as usize - ' ' as usize],
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '…' => 1_000,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' => {
            SQUARE
        }
        '\u{ff00}'..='\u{ff60}' | '\u{1f000}'.. => SQUARE,
        _ => OTHER,
    }
}

/// The text, or as much of its beginning as is not wider than this, with an ellipsis.
#[must_use]
pub(crate) fn fit(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - text_width("…", size);
    let mut kept = String::new();
    for c in text.chars() {
        left -= f64::from(width(c)) * size / 1_000.0;
        if left < 0.0 {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// The text in at most so many lines of this width, broken at blanks where there are any; the last is cut when it does not fit.
#[must_use]
pub(crate) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while words.peek().is_some() {
        if lines.len() + 1 >= most {
            lines.push(fit(&words.by_ref().collect::<Vec<_>>().join(" "), size, room));
            break;
        }
        let mut line = words.next().unwrap_or_default().to_owned();
        while let Some(word) = words.peek() {
            let longer = format!("{line} {word}");
            if text_width(&longer, size) > room {
                break;
            }
            line = longer;
            words.next();
        }
        lines.push(fit(&line, size, room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        assert!((text_width("npm", 11.0) - (634.0 + 635.0 + 974.0) * 0.011).abs() < 1e-9);
        assert!(text_width("日本", 10.0) > text_width("ab", 10.0));
        assert_eq!(text_width("e\u{301}", 10.0).to_bits(), text_width("e", 10.0).to_bits());
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(fit("react", 10.0, 100.0), "react");
        assert_eq!(fit("react-router", 10.0, 40.0), "react-…");
        assert_eq!(wrap("one two three", 10.0, 45.0, 3), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 10.0, 45.0, 2), ["one two", "three f…"]);
        assert_eq!(wrap("", 10.0, 45.0, 2), Vec::<String>::new());
        assert!(wrap(&"x".repeat(500), 10.0, 45.0, 2).iter().all(|line| text_width(line, 10.0) <= 45.0));
    }
}
