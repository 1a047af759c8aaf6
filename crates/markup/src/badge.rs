//! Badges: a label and a value, for READMEs.

use std::fmt::Write as _;

use crate::escape_into;
use crate::glyphs::{fit, text_width};

/// What a badge says and how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge<'a> {
    /// What it is about, on dark grey.
    pub label: &'a str,
    /// What there is to know, on the colour.
    pub value: &'a str,
    /// Behind the value.
    pub colour: BadgeColour,
    /// Its shape.
    pub style: BadgeStyle,
}

/// The colour behind a badge's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadgeColour {
    /// Red, green and blue.
    Rgb(u8, u8, u8),
    /// For what is not known.
    Grey,
    /// For downloads.
    Teal,
    /// For versions.
    Blue,
    /// For what rises.
    Green,
    /// For what falls.
    Orange,
    /// For what is wrong.
    Red,
    /// For ranks.
    Purple,
}

/// A badge's shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BadgeStyle {
    /// 20 pixels high, round corners.
    #[default]
    Flat,
    /// 20 pixels high, square corners.
    Square,
    /// 28 pixels high, capital letters.
    Large,
}

const LABEL: &str = "#3b4248";
/// No part is wider, pixels.
const MOST: f64 = 400.0;

impl BadgeColour {
    /// Reads `teal` and the like, `rgb` and `rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "grey" | "gray" => Self::Grey,
            "teal" => Self::Teal,
            "blue" => Self::Blue,
            "green" => Self::Green,
            "orange" => Self::Orange,
            "red" => Self::Red,
            "purple" => Self::Purple,
            _ => {
                let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
                match digits[..] {
                    [r, g, b] => Self::Rgb(r * 17, g * 17, b * 17),
                    [r, r2, g, g2, b, b2] => Self::Rgb(r * 16 + r2, g * 16 + g2, b * 16 + b2),
                    _ => return None,
                }
            }
        })
    }

    fn hex(self) -> String {
        match self {
            Self::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
            Self::Grey => "#5a6469".to_owned(),
            Self::Teal => "#0b7285".to_owned(),
            Self::Blue => "#1f5fbf".to_owned(),
            Self::Green => "#1f6b3a".to_owned(),
            Self::Orange => "#a04a00".to_owned(),
            Self::Red => "#a8261c".to_owned(),
            Self::Purple => "#6b3fa0".to_owned(),
        }
    }
}

impl BadgeStyle {
    /// Reads `flat`, `square` and `large`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "flat" => Self::Flat,
            "square" => Self::Square,
            "large" => Self::Large,
            _ => return None,
        })
    }
}

/// A badge as an SVG that needs nothing outside of it, not even a stylesheet. Its letters are black or white, whichever is easier to read.
#[must_use]
pub fn badge(badge: &Badge<'_>) -> String {
    let (height, size, padding, radius) = match badge.style {
        BadgeStyle::Flat => (20, 11.0, 6.0, 3.0),
        BadgeStyle::Square => (20, 11.0, 6.0, 0.0),
        BadgeStyle::Large => (28, 11.0, 10.0, 4.0),
    };
    let written = |text: &str| if badge.style == BadgeStyle::Large { text.to_uppercase() } else { text.to_owned() };
    let (label, value) = (fit(&written(badge.label), size, MOST), fit(&written(badge.value), size, MOST));
    let (label_length, value_length) = (text_width(&label, size).ceil(), text_width(&value, size).ceil());
    let left = if label.is_empty() { 0.0 } else { label_length + 2.0 * padding };
    let right = value_length + 2.0 * padding;
    let width = left + right;
    let colour = badge.colour.hex();
    let ink = linear(&colour).map_or("#fff", |light| if contrast(light, [1.0; 3]) >= contrast(light, [0.0; 3]) { "#fff" } else { "#000" });
    let mut said = String::new();
    escape_into(&mut said, badge.label);
    said.push_str(if badge.label.is_empty() { "" } else { ": " });
    escape_into(&mut said, badge.value);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{said}\">\
         <title>{said}</title>{}{}\
         <g font-family=\"Verdana,DejaVu Sans,Geneva,sans-serif\" font-size=\"{size}\" text-anchor=\"middle\">",
        field(0.0, left, f64::from(height), (radius, 0.0), LABEL),
        field(left, right, f64::from(height), (if left > 0.0 { 0.0 } else { radius }, radius), &colour),
    );
    let baseline = f64::from(height) / 2.0 + 4.0;
    for (text, length, middle, ink) in [(&label, label_length, left / 2.0, "#fff"), (&value, value_length, left + right / 2.0, ink)] {
        if !text.is_empty() {
            let _ = write!(
                svg,
                "<text x=\"{middle}\" y=\"{baseline}\" fill=\"{ink}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">"
            );
            escape_into(&mut svg, text);
            svg.push_str("</text>");
        }
    }
    svg.push_str("</g></svg>");
    svg
}

/// A filled area whose left and right corners have these radii; nothing where there is no width.
fn field(x: f64, width: f64, height: f64, (left, right): (f64, f64), colour: &str) -> String {
    if width <= 0.0 {
        return String::new();
    }
    let (start, end, low) = (x + left, x + width - right, height - right);
    format!(
        "<path fill=\"{colour}\" d=\"M{start} 0H{end}a{right} {right} 0 0 1 {right} {right}V{low}a{right} {right} 0 0 1 -{right} {right}H{start}\
         a{left} {left} 0 0 1 -{left} -{left}V{left}a{left} {left} 0 0 1 {left} -{left}z\"/>"
    )
}

/// Red, green and blue of `#rrggbb` as linear light.
pub(crate) fn linear(colour: &str) -> Option<[f64; 3]> {
    let number = u32::from_str_radix(colour.strip_prefix('#').filter(|digits| digits.len() == 6)?, 16).ok()?;
    let channel = |shift: u32| {
        let value = f64::from(number >> shift & 255) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Some([channel(16), channel(8), channel(0)])
}

/// Contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance).
pub(crate) fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    let (one, other) = (luminance(one), luminance(other));
    one.max(other) / one.min(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample<'a>(label: &'a str, value: &'a str, colour: BadgeColour, style: BadgeStyle) -> Badge<'a> {
        Badge { label, value, colour, style }
    }

    #[test]
    fn badges() {
        let svg = badge(&sample("downloads", "8.5M a week", BadgeColour::Teal, BadgeStyle::Flat));
        insta::assert_snapshot!(svg.replace("><", ">\n<"));
        let svg = badge(&sample("<&\"'>", "unknown", BadgeColour::Grey, BadgeStyle::Large));
        assert!(svg.contains("&lt;&amp;&quot;&#39;&gt;") && svg.contains(">UNKNOWN<"), "{svg}");
        assert!(!badge(&sample("", "v1.0.0", BadgeColour::Blue, BadgeStyle::Square)).contains("></text>"));
    }

    #[test]
    fn letters_can_be_read() {
        use BadgeColour::{Blue, Green, Grey, Orange, Purple, Red, Teal};
        let white = [1.0; 3];
        for colour in [Grey, Teal, Blue, Green, Orange, Red, Purple].map(BadgeColour::hex).iter().map(String::as_str).chain([LABEL]) {
            let contrast = contrast(linear(colour).expect("a colour"), white);
            assert!(contrast >= 4.5, "{colour}: {contrast}");
        }
    }

    #[test]
    fn colours_are_read() {
        assert_eq!(BadgeColour::parse("0af"), Some(BadgeColour::Rgb(0, 170, 255)));
        assert_eq!(BadgeColour::parse("00AAff"), Some(BadgeColour::Rgb(0, 170, 255)));
        assert_eq!(BadgeColour::parse("teal"), Some(BadgeColour::Teal));
        for text in ["", "#fff", "ffff", "red;", "url(x)", "é", "ééé"] {
            assert_eq!(BadgeColour::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_safe_and_fits(label in any::<String>(), value in any::<String>(), r in any::<u8>(), g in any::<u8>(), b in any::<u8>()) {
            let svg = badge(&sample(&label, &format!("x{value}"), BadgeColour::Rgb(r, g, b), BadgeStyle::Flat));
            for tag in svg.split('<').skip(1) {
                let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
                prop_assert!(["svg", "title", "path", "g", "text"].contains(&name), "{name}");
            }
            let number = |name: &str| svg.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).and_then(|text| text.parse::<f64>().ok());
            let lengths: f64 = svg.split("textLength=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()).sum();
            prop_assert!(number("width").is_some_and(|width| width >= lengths && width <= 2.0 * (MOST + 20.0)));
            let ink = svg.rsplit("fill=\"#").next().map_or("", |rest| &rest[..3]);
            let ink = if ink == "fff" { [1.0; 3] } else { [0.0; 3] };
            let behind = linear(&BadgeColour::Rgb(r, g, b).hex()).expect("a colour");
            prop_assert!(contrast(behind, ink) >= 4.5);
        }
    }
}
