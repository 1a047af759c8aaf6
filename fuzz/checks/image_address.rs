//! What holds for any bytes taken for an image, and for any text taken for an address or typed into the box.

use model::{Target, is_user_name, parse_target};
use registry::{ImageKind, is_public};
use url::Url;

/// Looks at the bytes in all of these ways.
pub fn check(bytes: &[u8]) {
    if let Some(kind) = ImageKind::of_bytes(bytes) {
        assert_eq!(ImageKind::from_media_type(kind.media_type()), Some(kind));
        // Only the beginning counts.
        assert_eq!(ImageKind::of_bytes(&bytes[..bytes.len().min(4096)]), Some(kind));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(kind) = ImageKind::from_media_type(text) {
        assert!(ImageKind::ALL.contains(&kind));
    }
    if let Ok(url) = Url::parse(text) {
        let again = Url::parse(url.as_str()).expect("an address is an address");
        assert_eq!(again, url);
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(address.into()),
            Some(url::Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        if let Some(address) = address {
            let address: std::net::IpAddr = address;
            assert!(!(is_public(address) && (address.is_loopback() || address.is_unspecified() || address.is_multicast())), "{address}");
            if let std::net::IpAddr::V4(v4) = address {
                assert!(!(is_public(address) && (v4.is_private() || v4.is_link_local())), "{address}");
                assert_eq!(is_public(v4.to_ipv6_mapped().into()) && !is_public(address), false, "{address}");
            }
        }
    }
    match parse_target(text) {
        Target::Package { name, version } => {
            assert_eq!(model::PackageName::parse(name.as_str()).as_ref(), Ok(&name));
            assert!(version.is_none_or(|version| !version.is_empty() && version.len() <= 256 && version.is_ascii()));
        }
        Target::User(name) => assert!(is_user_name(&name)),
        Target::Text(kept) => assert_eq!(kept, text.trim()),
    }
}
