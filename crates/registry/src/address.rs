//! Which addresses of the network anybody may be sent to.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether an address is one of the public Internet: not this machine, its networks, a carrier's, a group's or one kept for documents,
/// measurements and the future. IPv6 addresses that stand for an IPv4 address are as public as that.
///
/// Source: IANA's registries of special-purpose addresses.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // Of the protocols themselves (Teredo, benchmarking, ORCHID), and of documents.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Mapped, translated by NAT64, 6to4, and ISATAP.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [0x2000..=0x3fff, _, _, _, 0 | 0x0200, 0x5efe, high, low] => embedded(high, low),
        // Nothing else is given out for global use.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The address that a URL names in digits, in whichever notation.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Asks the system for the addresses of a name.
pub(crate) async fn lookup(name: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// Whether a redirect may go from a server at `first` to one at `target`: whoever is public may not send us into a private network.
fn may_lead(first: &[IpAddr], target: &[IpAddr]) -> bool {
    let public = |addresses: &[IpAddr]| addresses.iter().all(|address| is_public(*address));
    first.is_empty() || !public(first) || public(target)
}

/// Whether a redirect from `first` to `target` may be followed, by the addresses that both have at this moment.
///
/// A host without an address is left to whoever connects: a proxy may know it, and without one there is nothing to connect to.
pub(crate) async fn redirect_is_allowed<L, F>(first: &Url, target: &Url, lookup: &L) -> bool
where
    L: Fn(String) -> F,
    F: Future<Output = std::io::Result<Vec<IpAddr>>>,
{
    first.host() == target.host() || may_lead(&addresses(first, lookup).await, &addresses(target, lookup).await)
}

async fn addresses<L, F>(url: &Url, lookup: &L) -> Vec<IpAddr>
where
    L: Fn(String) -> F,
    F: Future<Output = std::io::Result<Vec<IpAddr>>>,
{
    match (literal(url), url.domain()) {
        (Some(address), _) => vec![address],
        (None, Some(name)) => lookup(name.to_owned()).await.unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn public_addresses() {
        let public = [
            "1.0.0.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.1",
            "192.88.100.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.1",
            "203.0.112.1",
            "203.0.114.1",
            "223.255.255.255",
            "2606:4700::6810:1722",
            "2a00:1450:4001:80b::200e",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db9::1",
            "2400:cb00::1",
            "3ffe::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2a00::5efe:808:808",
        ];
        let not = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2002:a00:1::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fe80::5efe:808:808",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "4000::1",
            "2a00::5efe:a00:1",
            "2a00::200:5efe:7f00:1",
        ];
        for text in public {
            assert!(is_public(ip(text)), "{text} is public");
        }
        for text in not {
            assert!(!is_public(ip(text)), "{text} is not public");
        }
    }

    #[test]
    fn every_notation_of_an_address_is_seen() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(literal(&Url::parse(url).expect("an address")), expected.map(ip), "{url}");
        };
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "%31%32%37.0.0.1", "①②⑦.0.0.1"]
        {
            check(&format!("http://{host}/"), Some("127.0.0.1"));
        }
        check("http://[::ffff:127.0.0.1]/", Some("::ffff:127.0.0.1"));
        check("http://[0:0:0:0:0:0:0:1]/", Some("::1"));
        check("http://localhost/", None);
        check("http://127.0.0.1.nip.example/", None);
    }

    #[tokio::test]
    async fn redirects_do_not_lead_inside() {
        let lookup = async |name: String| match name.as_str() {
            "public.example" => Ok(vec![ip("8.8.8.8"), ip("2606:4700::1")]),
            "files.example" => Ok(vec![ip("1.1.1.1")]),
            "inside.example" => Ok(vec![ip("10.0.0.1")]),
            "both.example" => Ok(vec![ip("1.1.1.1"), ip("127.0.0.1")]),
            _ => Err(std::io::Error::other("no such name")),
        };
        let check = async |first: &str, target: &str, expected: bool| {
            let (first, target) = (Url::parse(first).expect("an address"), Url::parse(target).expect("an address"));
            assert_eq!(redirect_is_allowed(&first, &target, &lookup).await, expected, "{first} to {target}");
        };
        for target in
            ["http://127.0.0.1/", "https://169.254.169.254/", "https://inside.example/", "https://both.example/", "http://[::1]:80/"]
        {
            check("https://public.example/x", target, false).await;
            check("https://8.8.8.8/x", target, false).await;
            check("http://127.0.0.1:4873/x", target, true).await;
            check("https://inside.example/x", target, true).await;
            check("https://both.example/x", target, true).await;
        }
        check("https://public.example/x", "https://files.example/y", true).await;
        check("https://public.example/x", "https://public.example/y", true).await;
        check("https://public.example/x", "https://behind-a-proxy.example/y", true).await;
        check("https://behind-a-proxy.example/x", "http://127.0.0.1/", true).await;
    }
}
