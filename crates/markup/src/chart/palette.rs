//! The colours of series. Chosen so that readers with any kind of colour blindness can tell them apart, in both themes; that is computed in
//! a test. Signs on the lines say the same without colour.

use super::MAX_SERIES;

/// The colour of a series on a light and on a dark page, as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesColour {
    /// On a light page.
    pub light: &'static str,
    /// On a dark page.
    pub dark: &'static str,
}

/// The colours of the first, second, … series. The page's stylesheet has the same ones.
pub const PALETTE: [SeriesColour; MAX_SERIES] = [
    SeriesColour { light: "#0b7285", dark: "#4fb3c9" },
    SeriesColour { light: "#cc6d06", dark: "#fc891e" },
    SeriesColour { light: "#4a1fb8", dark: "#8562ea" },
    SeriesColour { light: "#b8155a", dark: "#e4577f" },
    SeriesColour { light: "#1f86f0", dark: "#5a8bd8" },
    SeriesColour { light: "#5c2600", dark: "#e2f06a" },
    SeriesColour { light: "#668d7d", dark: "#72e8fc" },
    SeriesColour { light: "#b359bc", dark: "#f2bf80" },
    SeriesColour { light: "#451d74", dark: "#b45c08" },
    SeriesColour { light: "#714321", dark: "#da9e86" },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::badge::{contrast, linear};

    /// Red, green and blue of linear light as people without one kind of cone see them (Machado, Oliveira and Fernandes 2009, severity 1):
    /// as they are, protanopia, deuteranopia, tritanopia.
    const EYES: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ];

    fn seen(rgb: [f64; 3], eye: &[[f64; 3]; 3]) -> [f64; 3] {
        eye.map(|row| (row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]).clamp(0.0, 1.0))
    }

    /// The colour space Oklab, where distances are what people see.
    #[expect(clippy::many_single_char_names, reason = "they are called so")]
    fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        [
            0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
            1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
            0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
        ]
    }

    fn check(theme: &str, colours: [&str; MAX_SERIES], pages: [&str; 3]) {
        let rgb = colours.map(|colour| linear(colour).expect("a colour"));
        for (colour, light) in colours.iter().zip(rgb) {
            for page in pages {
                let contrast = contrast(light, linear(page).expect("a colour"));
                assert!(contrast >= 3.0, "{theme}: {colour} on {page}: {contrast}");
            }
        }
        for (number, one) in rgb.iter().enumerate() {
            for (other_number, other) in rgb.iter().enumerate().take(number) {
                let least = EYES.iter().map(|eye| {
                    let (a, b) = (oklab(seen(*one, eye)), oklab(seen(*other, eye)));
                    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
                });
                let least = least.fold(f64::MAX, f64::min);
                assert!(least >= 0.07, "{theme}: {} and {}: {least}", colours[number], colours[other_number]);
            }
        }
    }

    #[test]
    fn every_reader_can_tell_them_apart() {
        check("light", PALETTE.map(|colour| colour.light), ["#ffffff", "#fbfaf7", "#f1efe9"]);
        check("dark", PALETTE.map(|colour| colour.dark), ["#14181b", "#1c2226", "#1a1f23"]);
    }
}
