//! What holds for any bytes taken for an image, and for any text taken for an address or typed into the box.

use std::net::IpAddr;

use model::{Target, is_user_name, parse_target};
use registry::{ImageKind, is_public};
use url::{Host, Url};

/// Looks at the bytes in all of these ways.
pub(crate) fn check(bytes: &[u8]) {
    if let Some(kind) = ImageKind::of_bytes(bytes) {
        // Only the beginning counts.
        assert_eq!(ImageKind::of_bytes(&bytes[..bytes.len().min(4096)]), Some(kind));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(url) = Url::parse(text) {
        let address: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        if let Some(address) = address.filter(|address| is_public(*address)) {
            assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast(), "{address}");
            if let IpAddr::V4(address) = address.to_canonical() {
                assert!(is_public(address.into()) && !address.is_private() && !address.is_link_local(), "{address}");
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
