//! Words of others, made fit to print.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Secret;
use crate::request::form_encoded;

/// Strikes out whatever of a text is the client secret, in all forms in which it was sent: a server may echo what it received.
pub(crate) struct Scrub {
    needles: Vec<Zeroizing<String>>,
}

impl Scrub {
    pub(crate) fn new(client_id: &str, secret: &Secret) -> Self {
        let secret = secret.expose();
        let encoded = form_encoded(secret);
        let basic = |id: &str, secret: &str| Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("{id}:{secret}")).as_bytes()));
        let percent = Zeroizing::new(encoded.replace('+', "%20"));
        let json = Zeroizing::new(secret.replace('\\', "\\\\").replace('"', "\\\""));
        let mut needles = vec![
            basic(client_id, secret),
            basic(&form_encoded(client_id), &encoded),
            json,
            percent,
            encoded,
            Zeroizing::new(secret.to_owned()),
        ];
        // The longest first: of two that begin alike, what is left of the longer one would tell.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        Self { needles }
    }

    /// The text without secrets and control characters, and not longer than so many characters.
    pub(crate) fn text(&self, text: &str, longest: usize) -> String {
        let mut clean = text.to_owned();
        for needle in &self.needles {
            if clean.contains(needle.as_str()) {
                clean = clean.replace(needle.as_str(), "…");
            }
        }
        let mut short: String = clean.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(longest).collect();
        if clean.chars().nth(longest).is_some() {
            short.push('…');
        }
        short
    }
}
