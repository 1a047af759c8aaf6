//! From the many ways to write a repository to one web address.

use serde_json::Value;

use crate::tolerant;

/// The web address of a repository given as `repository` in a package.json: an object with `url`, an address, `user/repo`,
/// `github:user/repo`, `git@host:user/repo.git`. `None` when it is not an address on the web.
///
/// Follows hosted-git-info: `git+`, `.git`, `www.`, credentials and fragments are dropped.
#[must_use]
pub fn browse_url(repository: &Value) -> Option<String> {
    let text = match repository {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => fields.get("url")?.as_str()?,
        Value::Array(items) => return browse_url(items.first().filter(|item| !item.is_array())?),
        _ => return None,
    };
    let text = text.trim().split('#').next().unwrap_or_default();
    if text.is_empty() || text.len() > 500 || text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`\\".contains(c)) {
        return None;
    }
    for (prefix, host) in
        [("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org"), ("gist:", "gist.github.com")]
    {
        if let Some(path) = text.strip_prefix(prefix) {
            return address(host, path);
        }
    }
    let rest = text.strip_prefix("git+").unwrap_or(text);
    match rest.split_once("://") {
        Some(("http" | "https" | "git" | "ssh", rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            match host.split_once(':').filter(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit())) {
                // ssh://git@host:user/repo.git
                Some((host, user)) => address(host, &format!("{user}/{path}")),
                None => address(host, path),
            }
        }
        Some(_) => None,
        None => match rest.split_once('@').and_then(|(user, rest)| (!user.contains('/')).then_some(rest)) {
            // git@host:user/repo.git
            Some(rest) => rest.split_once(':').and_then(|(host, path)| address(host, path)),
            None => {
                let (user, repo) = rest.split_once('/')?;
                let shorthand =
                    !user.is_empty() && !repo.is_empty() && !repo.contains('/') && !rest.contains(':') && !rest.starts_with('.');
                shorthand.then(|| address("github.com", rest)).flatten()
            }
        },
    }
}

/// The folder of the repository in which a package is, as `packages/core`: `repository.directory`, or the end of a GitHub `/tree/REF/…`
/// address. Empty parts and dots are dropped, so it never leads out.
#[must_use]
pub fn directory(repository: &Value) -> Option<String> {
    let repository = match repository {
        Value::Array(items) => items.first()?,
        one => one,
    };
    let url = repository.as_str().or_else(|| repository.get("url")?.as_str());
    let after_tree = |url: &str| url.split_once("/tree/")?.1.split_once('/').map(|(_, path)| path.to_owned());
    let path = repository.get("directory").and_then(Value::as_str).map(str::to_owned).or_else(|| after_tree(url?))?;
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let path = tolerant::clean(&parts.join("/"))?;
    (!path.contains(|c: char| c.is_whitespace() || "<>\"'`#?".contains(c))).then_some(path)
}

fn address(host: &str, path: &str) -> Option<String> {
    let host = host.strip_prefix("www.").unwrap_or(host).to_ascii_lowercase();
    let (name, port) = host.split_once(':').unwrap_or((&host, ""));
    let plausible = name.contains('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
        && port.chars().all(|c| c.is_ascii_digit());
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path = match path.split_once("/tree/") {
        Some((repo, _)) if name == "github.com" => repo,
        _ => path,
    };
    (plausible && !path.is_empty()).then(|| format!("https://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directories() {
        let check = |value: Value, expected: Option<&str>| assert_eq!(directory(&value).as_deref(), expected, "{value}");
        check(json!({"url": "a/b", "directory": "packages/core/"}), Some("packages/core"));
        check(json!({"url": "a/b", "directory": "./../x//y"}), Some("x/y"));
        check(json!({"url": "https://github.com/a/b/tree/main/packages/c"}), Some("packages/c"));
        check(json!("https://github.com/a/b/tree/main"), None);
        check(json!([{"url": "a/b", "directory": "x"}]), Some("x"));
        check(json!({"url": "a/b", "directory": 7}), None);
        check(json!({"url": "a/b", "directory": ".."}), None);
        check(json!({"directory": "a b"}), None);
    }

    #[test]
    fn shapes() {
        let check = |value: Value, expected: Option<&str>| assert_eq!(browse_url(&value).as_deref(), expected, "{value}");
        check(json!("user/repo"), Some("https://github.com/user/repo"));
        check(json!("github:user/repo"), Some("https://github.com/user/repo"));
        check(json!("gitlab:group/sub/repo"), Some("https://gitlab.com/group/sub/repo"));
        check(json!("gist:11081aaa281"), Some("https://gist.github.com/11081aaa281"));
        check(json!({"type": "git", "url": "git+https://github.com/vuejs/core.git"}), Some("https://github.com/vuejs/core"));
        check(json!("git@github.com:user/repo.git"), Some("https://github.com/user/repo"));
        check(json!("git+ssh://git@github.com/user/repo.git"), Some("https://github.com/user/repo"));
        check(json!("git://www.github.com/user/repo.git#main"), Some("https://github.com/user/repo"));
        check(json!("https://name:secret@example.com/user/repo"), Some("https://example.com/user/repo"));
        check(json!("https://git.example.com:8443/a/b"), Some("https://git.example.com:8443/a/b"));
        check(json!("git+ssh://git@github.com:user/repo.git"), Some("https://github.com/user/repo"));
        check(json!("https://token@example.com/user/repo"), Some("https://example.com/user/repo"));
        check(json!("https://github.com/a/b/tree/main/packages/c"), Some("https://github.com/a/b"));
        check(json!(["a/b", "c/d"]), Some("https://github.com/a/b"));
        for nothing in [
            json!({}),
            json!(""),
            json!(false),
            json!("javascript:alert(1)"),
            json!("file:///etc/passwd"),
            json!("./x/y"),
            json!("a b/c"),
            json!("x"),
            json!([[["a/b"]]]),
        ] {
            check(nothing, None);
        }
    }
}
