//! Where the links and images of a README lead.
//!
//! Relative addresses are read as npm's own page does it: against the repository and the package's directory in it. Nothing in a README
//! may lead to a path of this site, except what names a package, a user or a search on npm's.

use model::PackageName;
use url::Url;

/// Longest address kept, in bytes; browsers stop at about this length as well.
const MAX_ADDRESS: usize = 2_000;
/// Longest image kept within an address, in bytes of its text.
const MAX_INLINE_IMAGE: usize = 16 * 1024;

/// A link that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// To a heading of this README, or to a page of this site.
    Local(String),
    /// To anywhere else.
    External(String),
}

/// What relative addresses are relative to.
#[derive(Debug, Default)]
pub(crate) struct Base {
    /// Address that a page's path is appended to, and an image's path.
    roots: Option<(String, String)>,
    directory: Vec<String>,
}

impl Base {
    /// `repository` is an address as `model::browse_url` gives it.
    pub(crate) fn new(repository: Option<&str>, directory: Option<&str>) -> Self {
        let directory = join(&[], directory.unwrap_or_default());
        Self { roots: repository.and_then(roots), directory }
    }

    /// The address that a link stands for, or `None` when its text should stand alone.
    pub(crate) fn link(&self, href: &str) -> Option<Link> {
        let href = tidy(href)?;
        if let Some(fragment) = href.strip_prefix('#') {
            return fragment_link(fragment);
        }
        match scheme(&href).as_deref() {
            Some("http" | "https") => {
                let url = web(&href)?;
                Some(local_page(&url).unwrap_or_else(|| Link::External(url.into())))
            }
            Some("mailto") => Url::parse(&href).ok().filter(|url| url.path().contains('@')).map(|url| Link::External(url.into())),
            Some(_) => None,
            None if href.starts_with("//") => self.link(&format!("https:{href}")),
            None => {
                let (page, _) = self.roots.as_ref()?;
                let url = self.below(page, &href)?;
                Some(Link::External(url.into()))
            }
        }
    }

    /// The absolute http or https address of an image.
    pub(crate) fn image(&self, source: &str) -> Option<String> {
        let source = tidy(source)?;
        match scheme(&source).as_deref() {
            Some("http" | "https") => {
                let mut url = web(&source)?;
                raw_file(&mut url);
                Some(url.into())
            }
            Some(_) => None,
            None if source.starts_with('#') => None,
            None if source.starts_with("//") => self.image(&format!("https:{source}")),
            None => {
                let (_, raw) = self.roots.as_ref()?;
                Some(self.below(raw, &source)?.into())
            }
        }
    }

    /// A relative address below `root`, which it never leaves. One with a leading `/` is relative to the repository's root.
    fn below(&self, root: &str, relative: &str) -> Option<Url> {
        let (path, tail) = relative.split_at(relative.find(['?', '#']).unwrap_or(relative.len()));
        let start: &[String] = if path.starts_with('/') { &[] } else { &self.directory };
        let path = join(start, path).join("/");
        if root.starts_with("https://gist.github.com/") && root.ends_with('#') {
            let slug: String = path.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            return Url::parse(&format!("{root}file-{slug}")).ok();
        }
        let url = Url::parse(&format!("{root}{path}{tail}")).ok()?;
        (url.as_str().starts_with(root) && url.as_str().len() <= MAX_ADDRESS).then_some(url)
    }
}

/// An image within an address, if it is of a kind that cannot hold more than an image.
pub(crate) fn inline_image(source: &str) -> Option<&str> {
    let source = source.trim();
    let (kind, data) = source.get(..source.len().min(MAX_INLINE_IMAGE + 1))?.strip_prefix("data:image/")?.split_once(";base64,")?;
    let plain = data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    (matches!(kind, "png" | "gif" | "jpeg" | "webp") && plain && source.len() <= MAX_INLINE_IMAGE).then_some(source)
}

/// Without what browsers ignore in an address: blanks around it, line breaks within, backslashes for slashes before the query.
fn tidy(address: &str) -> Option<String> {
    let address = address.trim_matches(|c: char| c.is_control() || c.is_whitespace());
    let tail = address.find(['?', '#']).unwrap_or(address.len());
    let kept: String = address
        .char_indices()
        .filter(|&(_, c)| !c.is_control() && !crate::hidden(c))
        .map(|(at, c)| if c == '\\' && at < tail { '/' } else { c })
        .collect();
    (!kept.is_empty() && kept.len() <= MAX_ADDRESS).then_some(kept)
}

/// The scheme in lower case. What stands before the first colon counts even if it cannot be a scheme, so that nothing slips through.
fn scheme(address: &str) -> Option<String> {
    let end = address.find([':', '/', '?', '#'])?;
    address[end..].starts_with(':').then(|| address[..end].to_ascii_lowercase())
}

/// An http or https address with a host, without credentials.
fn web(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    url.host_str().filter(|host| !host.is_empty())?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    (url.as_str().len() <= MAX_ADDRESS).then_some(url)
}

/// Ids of a README have a prefix, so that none of them can stand for a part of the page around it.
fn fragment_link(fragment: &str) -> Option<Link> {
    let name = fragment.strip_prefix(crate::readme::ID_PREFIX).unwrap_or(fragment);
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    (!name.is_empty()).then(|| Link::Local(format!("#{}{name}", crate::readme::ID_PREFIX)))
}

/// What names a package, a user or a search on npm's site, as the same page here.
fn local_page(url: &Url) -> Option<Link> {
    let host = url.host_str()?;
    if !matches!(host.strip_prefix("www.").unwrap_or(host), "npmjs.com" | "npmjs.org") {
        return None;
    }
    let path = url.path().replace("%40", "@").replace("%2F", "/").replace("%2f", "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let address = match parts.as_slice() {
        ["package", scope, name, rest @ ..] if scope.starts_with('@') => package_page(&format!("{scope}/{name}"), rest)?,
        ["package", name, rest @ ..] => package_page(name, rest)?,
        ["search"] => query(&url.query_pairs().find(|(key, _)| key == "q")?.1),
        [user] => {
            let user = user.strip_prefix('~')?;
            let plausible = !user.is_empty() && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            plausible.then(|| format!("/@{user}"))?
        }
        ["browse", "keyword", word] => query(&format!("keywords:{word}")),
        _ => return None,
    };
    Some(Link::Local(address))
}

fn package_page(name: &str, rest: &[&str]) -> Option<String> {
    let name = PackageName::parse(name).ok()?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"@/-_.~+!*()".contains(&b));
    match rest {
        [] => plain(name.as_str()).then(|| format!("/pkg:{}", name.as_str())),
        ["v", version] => (plain(name.as_str()) && plain(version)).then(|| format!("/pkg:{}@{version}", name.as_str())),
        _ => None,
    }
}

fn query(text: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    format!("/?q={}", encoded.replace("%3A", ":"))
}

/// The parts of a path, with `.` and `..` resolved; `..` stops at the top.
fn join(start: &[String], path: &str) -> Vec<String> {
    let mut parts = start.to_vec();
    for part in path.split(['/', '\\']) {
        // Browsers read an escaped dot as a dot.
        match part.replace("%2e", ".").replace("%2E", ".").as_str() {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// How a host writes the addresses of files.
enum Host {
    GitHub,
    GitLab,
    Bitbucket,
    Gitea,
    Gitee,
    Gist,
    SourceHut,
}

fn host(name: &str) -> Option<Host> {
    Some(match name {
        "github.com" => Host::GitHub,
        "gitlab.com" | "framagit.org" | "invent.kde.org" | "salsa.debian.org" => Host::GitLab,
        "bitbucket.org" => Host::Bitbucket,
        "codeberg.org" => Host::Gitea,
        "gitee.com" => Host::Gitee,
        "gist.github.com" => Host::Gist,
        "git.sr.ht" => Host::SourceHut,
        _ if name.starts_with("gitlab.") => Host::GitLab,
        _ if name.starts_with("gitea.") || name.starts_with("forgejo.") => Host::Gitea,
        _ => return None,
    })
}

/// The addresses that a page's path and a raw file's path are appended to.
fn roots(repository: &str) -> Option<(String, String)> {
    let url = web(repository)?;
    let name = url.host_str()?;
    let authority = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let kind = host(name)?;
    let path = match (&kind, parts.as_slice()) {
        (Host::Gist, [id] | [_, id]) => (*id).to_owned(),
        // Groups nest.
        (Host::GitLab, [_, _, ..]) => parts.iter().take_while(|part| **part != "-").copied().collect::<Vec<_>>().join("/"),
        (_, [user, repo, ..]) => format!("{user}/{repo}"),
        _ => return None,
    };
    let root = format!("https://{authority}/{path}");
    Some(match kind {
        Host::GitHub => (format!("{root}/blob/HEAD/"), format!("https://raw.githubusercontent.com/{path}/HEAD/")),
        Host::GitLab => (format!("{root}/-/blob/HEAD/"), format!("{root}/-/raw/HEAD/")),
        Host::Bitbucket => (format!("{root}/src/HEAD/"), format!("{root}/raw/HEAD/")),
        Host::Gitea => (format!("{root}/src/branch/main/"), format!("{root}/raw/branch/main/")),
        Host::Gitee => (format!("{root}/blob/master/"), format!("{root}/raw/master/")),
        Host::Gist => (format!("{root}#"), format!("{root}/raw/")),
        Host::SourceHut => (format!("{root}/tree/HEAD/item/"), format!("{root}/blob/HEAD/")),
    })
}

/// Turns the address of a page that shows a file into the one of the file itself, which is what `img` needs.
fn raw_file(url: &mut Url) {
    let Some(kind) = url.host_str().and_then(host) else { return };
    let path = url.path().to_owned();
    let mut parts: Vec<&str> = path.split('/').collect();
    // The first part is empty: a path begins with a slash.
    let at = match kind {
        Host::GitLab => parts.iter().skip(3).position(|part| matches!(*part, "blob" | "tree")).map(|at| at + 3),
        Host::GitHub | Host::Gitee => parts.get(3).filter(|part| matches!(**part, "blob" | "tree")).map(|_| 3),
        Host::Bitbucket | Host::Gitea => parts.get(3).filter(|part| **part == "src").map(|_| 3),
        Host::Gist | Host::SourceHut => None,
    };
    if let Some(at) = at {
        parts[at] = "raw";
        url.set_path(&parts.join("/"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let check = |repository: Option<&str>, directory: Option<&str>, href: &str, expected: Option<&str>| {
            let link = Base::new(repository, directory).link(href);
            let found = link.as_ref().map(|link| match link {
                Link::Local(address) | Link::External(address) => address.as_str(),
            });
            assert_eq!(found, expected, "{repository:?} {directory:?} {href}");
        };
        let github = Some("https://github.com/mark/wahlberg");
        check(github, None, "docs/x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/docs/x.md"));
        check(github, None, "/docs/x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/docs/x.md"));
        check(github, Some("packages/core"), "/docs/x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/docs/x.md"));
        check(
            github,
            Some("packages/core"),
            "./CHANGELOG.md",
            Some("https://github.com/mark/wahlberg/blob/HEAD/packages/core/CHANGELOG.md"),
        );
        check(github, Some("/packages/core/"), "../../CONTRIBUTING.md", Some("https://github.com/mark/wahlberg/blob/HEAD/CONTRIBUTING.md"));
        check(github, Some("packages/core"), "../../../../../x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/x.md"));
        check(github, Some("../../.."), "x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/x.md"));
        check(github, None, "%2e%2E/.%2e/%2e./x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/x.md"));
        check(github, None, "..\\..\\x.md", Some("https://github.com/mark/wahlberg/blob/HEAD/x.md"));
        check(github, None, "FAQ.md?ref=main", Some("https://github.com/mark/wahlberg/blob/HEAD/FAQ.md?ref=main"));
        check(github, None, "GUIDE.MD", Some("https://github.com/mark/wahlberg/blob/HEAD/GUIDE.MD"));
        check(github, None, "C.md#installation", Some("https://github.com/mark/wahlberg/blob/HEAD/C.md#installation"));
        check(github, None, "a b.md", Some("https://github.com/mark/wahlberg/blob/HEAD/a%20b.md"));
        check(Some("https://gitlab.com/a/b/c"), None, "x.md", Some("https://gitlab.com/a/b/c/-/blob/HEAD/x.md"));
        check(Some("https://salsa.debian.org/a/b"), None, "x.md", Some("https://salsa.debian.org/a/b/-/blob/HEAD/x.md"));
        check(Some("https://bitbucket.org/a/b"), None, "x.md", Some("https://bitbucket.org/a/b/src/HEAD/x.md"));
        check(Some("https://codeberg.org/a/b"), None, "x.md", Some("https://codeberg.org/a/b/src/branch/main/x.md"));
        check(Some("https://gist.github.com/a/123"), None, "x.md", Some("https://gist.github.com/123#file-x-md"));
        check(Some("https://example.com/a/b"), None, "x.md", None);
        check(None, None, "x.md", None);
        check(None, None, "/login", None);
        check(None, None, "#Usage", Some("#user-content-Usage"));
        check(None, None, "#user-content-usage", Some("#user-content-usage"));
        check(None, None, "#", None);
        check(None, None, "", None);
        check(None, None, "//h.com", Some("https://h.com/"));
        check(None, None, "\\\\h.com/x", Some("https://h.com/x"));
        check(None, None, "HTTPS://User:pw@Example.com/x", Some("https://example.com/x"));
        check(None, None, "mailto:a@b.example", Some("mailto:a@b.example"));
        for nothing in [
            "javascript:x",
            " JavaScript:x",
            "java\nscript:x",
            "\u{1}javascript:x",
            "data:text/html,x",
            "vbscript:x",
            "ftp://h/x",
            "http:",
            "blob:x",
        ] {
            check(github, None, nothing, None);
        }
    }

    #[test]
    fn npm_pages() {
        let check = |href: &str, expected: &str| {
            let expected = if expected.is_empty() { Link::External(href.to_owned()) } else { Link::Local(expected.to_owned()) };
            assert_eq!(Base::default().link(href), Some(expected), "{href}");
        };
        check("https://www.npmjs.com/package/vue", "/pkg:vue");
        check("http://npmjs.org/package/@vue/core?activeTab=code", "/pkg:@vue/core");
        check("https://npmjs.com/package/%40vue%2Fcore", "/pkg:@vue/core");
        check("https://www.npmjs.com/package/vue/v/3.0.0", "/pkg:vue@3.0.0");
        check("https://www.npmjs.com/~sindresorhus", "/@sindresorhus");
        check("https://www.npmjs.com/search?q=keywords:a+b", "/?q=keywords:a+b");
        check("https://www.npmjs.com/browse/keyword/cli", "/?q=keywords:cli");
        check("https://www.npmjs.com/", "");
        check("https://www.npmjs.com/products", "");
        check("https://www.npmjs.com/package/..%2f..%2fx", "");
        check("https://evilnpmjs.com/package/vue", "");
    }

    #[test]
    fn images() {
        let check = |repository: Option<&str>, source: &str, expected: Option<&str>| {
            assert_eq!(Base::new(repository, Some("p")).image(source).as_deref(), expected, "{source}");
        };
        let github = Some("https://github.com/u/r");
        check(github, "/deep/p.png", Some("https://raw.githubusercontent.com/u/r/HEAD/deep/p.png"));
        check(github, "p.png?raw=true", Some("https://raw.githubusercontent.com/u/r/HEAD/p/p.png?raw=true"));
        check(Some("https://gitlab.com/a/b/c"), "x.png", Some("https://gitlab.com/a/b/c/-/raw/HEAD/p/x.png"));
        check(None, "x.png", None);
        check(None, "https://github.com/u/r/blob/main/x.png", Some("https://github.com/u/r/raw/main/x.png"));
        check(None, "https://gitlab.com/a/b/-/blob/main/x.png", Some("https://gitlab.com/a/b/-/raw/main/x.png"));
        check(None, "https://example.com/u/r/blob/main/x.png", Some("https://example.com/u/r/blob/main/x.png"));
        check(None, "//img.example/x.png", Some("https://img.example/x.png"));
        check(None, "javascript:x", None);
        check(None, "file:///etc/passwd", None);
        assert_eq!(inline_image("data:image/png;base64,AAAA"), Some("data:image/png;base64,AAAA"));
        for nothing in
            ["data:image/svg+xml;base64,AAAA", "data:image/png,<svg>", "data:text/html;base64,AAAA", "data:image/png;base64,A\"A"]
        {
            assert_eq!(inline_image(nothing), None, "{nothing}");
        }
        assert_eq!(inline_image(&format!("data:image/png;base64,{}", "A".repeat(MAX_INLINE_IMAGE))), None);
    }
}
