//! Configuration as npm layers it: environment over project `.npmrc` over user `.npmrc` over global `npmrc`.
//!
//! Each text is parsed with `deno_npmrc`, which also knows the default registry. Texts and environment are passed in: the binary reads them.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deno_npmrc::{NPM_DEFAULT_REGISTRY, NpmRc, NpmRegistryUrl, RegistryConfig, ResolvedNpmRc};
use model::PackageName;
use reqwest::header::HeaderValue;
use url::Url;

/// Where one of npm's configuration files may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What npm calls it: project, user or global.
    pub label: &'static str,
    /// The file, which need not exist.
    pub path: PathBuf,
}

/// One of npm's configuration files that was found.
#[derive(Clone)]
pub struct Layer {
    /// Its path, for messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why the configuration cannot be used. Messages never hold values, which may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that is not an ini file.
    #[error("{} is not a readable npm configuration: see its first lines for a broken section, quote or bracket", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
    },
    /// A registry's address that is not one.
    #[error("the registry address in {place} is not an http or https address")]
    Registry {
        /// Where it was written.
        place: String,
    },
}

/// What npm's configuration says about reaching registries.
#[derive(Clone)]
pub struct Config {
    resolved: ResolvedNpmRc,
    pub(crate) cafile: Option<PathBuf>,
    pub(crate) ca: Option<String>,
    pub(crate) proxy: Option<String>,
    pub(crate) https_proxy: Option<String>,
    pub(crate) no_proxy: Option<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("cafile", &self.cafile).finish_non_exhaustive()
    }
}

/// The files npm would read, strongest first: the nearest `.npmrc` beside a package.json or node_modules at or above
/// `working_directory`, the user's, and the global one below `node_prefix` (the folder above node's `bin`).
#[must_use]
pub fn npmrc_places(
    environment: &HashMap<String, String>,
    working_directory: &Path,
    home: Option<&Path>,
    node_prefix: Option<&Path>,
) -> Vec<Place> {
    let project = working_directory
        .ancestors()
        .find(|folder| folder.join("package.json").exists() || folder.join("node_modules").exists())
        .unwrap_or(working_directory);
    let user = npm_variable(environment, "userconfig").map(PathBuf::from).or_else(|| Some(home?.join(".npmrc")));
    let global = npm_variable(environment, "globalconfig").map(PathBuf::from).or_else(|| {
        let prefix = npm_variable(environment, "prefix").or_else(|| environment.get("PREFIX").map(String::as_str));
        Some(prefix.map(Path::new).or(node_prefix)?.join("etc/npmrc"))
    });
    let mut places = vec![Place { label: "project", path: project.join(".npmrc") }];
    places.extend(user.map(|path| Place { label: "user", path }));
    places.extend(global.map(|path| Place { label: "global", path }));
    // In the home directory the project's file and the user's are the same; npm reads it as the user's.
    if places.get(1).is_some_and(|user| user.path == places[0].path) {
        places.remove(0);
    }
    places
}

/// An `npm_config_…` variable in either case; npm ignores empty ones.
fn npm_variable<'a>(environment: &'a HashMap<String, String>, key: &str) -> Option<&'a str> {
    let wanted = format!("npm_config_{}", key.replace('-', "_"));
    environment
        .get(&wanted)
        .or_else(|| environment.get(&wanted.to_uppercase()))
        .or_else(|| environment.iter().find_map(|(name, value)| name.eq_ignore_ascii_case(&wanted).then_some(value)))
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

impl Config {
    /// Puts the layers together, strongest first. `registry`, from the command line, is stronger than all of them.
    pub fn from_layers(layers: &[Layer], environment: &HashMap<String, String>, registry: Option<&str>) -> Result<Self, ConfigError> {
        let variables = Variables(environment);
        let mut merged = NpmRc::parse(&variables, &environment_layer(environment))
            .map_err(|_| ConfigError::Syntax { path: "the environment's npm_config_ variables".into() })?;
        let mut options = [const { None }; 5];
        for (option, key) in options.iter_mut().zip(["cafile", "ca", "proxy", "https-proxy", "noproxy"]) {
            *option = npm_variable(environment, key).map(str::to_owned);
        }
        for layer in layers {
            let parsed = NpmRc::parse(&variables, &layer.text).map_err(|_| ConfigError::Syntax { path: layer.path.clone() })?;
            merge(&mut merged, parsed);
            for (option, keys) in options.iter_mut().zip([&["cafile"][..], &["ca", "ca[]"], &["proxy"], &["https-proxy"], &["noproxy"]]) {
                if option.is_none() {
                    *option = other_option(&variables, &layer.text, keys);
                }
            }
        }
        if let Some(registry) = registry {
            merged.registry = Some(registry.to_owned());
        }
        // A key with nothing but a mail address must not hide a shorter one with a token.
        merged.registry_configs.retain(|_, config| config.has_auth() || config.certfile.is_some());
        let written: Vec<(String, &String)> = std::iter::once(("the setting `registry`".to_owned(), &merged.registry))
            .filter_map(|(place, registry)| Some((place, registry.as_ref()?)))
            .chain(merged.scope_registries.iter().map(|(scope, url)| (format!("the setting `@{scope}:registry`"), url)))
            .collect();
        for (place, url) in written {
            let usable = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !usable {
                return Err(ConfigError::Registry { place });
            }
        }
        let default = Url::parse(NPM_DEFAULT_REGISTRY).map_err(|_| ConfigError::Registry { place: "deno_npmrc".to_owned() })?;
        let resolved = merged
            .as_resolved(&NpmRegistryUrl { url: default, from_env: false })
            .map_err(|_| ConfigError::Registry { place: ".npmrc".to_owned() })?;
        let [cafile, ca, proxy, https_proxy, no_proxy] = options;
        Ok(Self { resolved, cafile: cafile.map(PathBuf::from), ca, proxy, https_proxy, no_proxy })
    }

    /// The base address for a package, with a slash at its end: its scope's registry, or the default one.
    #[must_use]
    pub fn registry_of(&self, name: &PackageName) -> Url {
        self.base(name.as_str())
    }

    fn base(&self, name: &str) -> Url {
        let mut url = self.resolved.get_registry_url(name).clone();
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        url
    }

    /// Whether the packages of this name come from npm's own registry.
    pub(crate) fn is_npms_own(&self, name: &PackageName) -> bool {
        let npm = Url::parse(NPM_DEFAULT_REGISTRY).ok();
        npm.is_some_and(|npm| npm.host_str() == self.registry_of(name).host_str())
    }

    /// Whether the scope of this name has a registry other than that for names without a scope.
    pub(crate) fn has_its_own_registry(&self, name: &PackageName) -> bool {
        self.registry_of(name) != self.registry()
    }

    /// The base address of the registry for names without a scope, with a slash at its end.
    #[must_use]
    pub fn registry(&self) -> Url {
        self.base("")
    }

    /// Where to fetch a tarball whose packument says `url`: npm's `replace-registry-host` sends public addresses to the configured registry.
    pub(crate) fn tarball_url(&self, url: Url, name: &PackageName) -> Url {
        self.resolved.replace_tarball_url(url, name.as_str())
    }

    /// The `Authorization` header for a request about `name`, or about no package, if this very address may see one: its host, port and
    /// path match a configured key, and the connection is encrypted, local, or configured with plain http on purpose.
    pub(crate) fn authorization(&self, url: &Url, name: Option<&PackageName>) -> Option<HeaderValue> {
        if !self.may_carry_credentials(url) {
            return None;
        }
        let text = header_text(self.resolved.tarball_config_for_package(url, name.map_or("", PackageName::as_str))?)?;
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Certificate and key files for mutual TLS with this address.
    pub(crate) fn client_certificate(&self, url: &Url, name: Option<&PackageName>) -> Option<(PathBuf, PathBuf)> {
        let name = name.map_or("", PackageName::as_str);
        let config = self.resolved.tarball_config_for_package(url, name).or_else(|| self.resolved.tarball_config(url))?;
        Some((config.certfile.as_ref()?.into(), config.keyfile.as_ref()?.into()))
    }

    fn may_carry_credentials(&self, url: &Url) -> bool {
        let local = match url.host() {
            Some(url::Host::Domain(domain)) => domain == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() == "https" || local || self.resolved.get_all_known_registries_urls().iter().any(|known| known.origin() == url.origin())
    }
}

/// `_authToken` before `_auth` before `username` and `_password`, as npm-registry-fetch has it.
fn header_text(config: &RegistryConfig) -> Option<String> {
    if let Some(token) = &config.auth_token {
        return Some(format!("Bearer {token}"));
    }
    if let Some(auth) = &config.auth {
        return Some(format!("Basic {auth}"));
    }
    let password = STANDARD.decode(config.password.as_ref()?).ok()?;
    let mut pair = format!("{}:", config.username.as_ref()?).into_bytes();
    pair.extend(password);
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

/// The environment's `npm_config_…` as a text of its own: names lose their prefix and case, and underscores become hyphens, but for
/// keys about a host, which are kept as they are.
fn environment_layer(environment: &HashMap<String, String>) -> String {
    let mut lines = Vec::new();
    for (name, value) in environment {
        let Some((prefix, key)) = name.split_at_checked("npm_config_".len()) else { continue };
        if !prefix.eq_ignore_ascii_case("npm_config_") || value.is_empty() || value.contains(['\n', '"', '\\']) {
            continue;
        }
        let key = if key.starts_with("//") || key.starts_with('@') { key.to_owned() } else { key.to_lowercase().replace('_', "-") };
        lines.push(format!("{key} = \"{value}\"\n"));
    }
    lines.sort_unstable();
    lines.concat()
}

/// Fills what the stronger layers left open, key by key.
fn merge(stronger: &mut NpmRc, weaker: NpmRc) {
    stronger.registry = stronger.registry.take().or(weaker.registry);
    stronger.replace_registry_host = stronger.replace_registry_host.take().or(weaker.replace_registry_host);
    for (scope, url) in weaker.scope_registries {
        stronger.scope_registries.entry(scope).or_insert(url);
    }
    for (key, weak) in weaker.registry_configs {
        let entry = stronger.registry_configs.entry(key).or_default();
        let strong = Arc::make_mut(entry);
        let weak = Arc::unwrap_or_clone(weak);
        strong.auth_token = strong.auth_token.take().or(weak.auth_token);
        strong.auth = strong.auth.take().or(weak.auth);
        strong.username = strong.username.take().or(weak.username);
        strong.password = strong.password.take().or(weak.password);
        strong.email = strong.email.take().or(weak.email);
        strong.certfile = strong.certfile.take().or(weak.certfile);
        strong.keyfile = strong.keyfile.take().or(weak.keyfile);
    }
}

/// Reads an option that `deno_npmrc` passes over, by giving it the line as if it were about `registry`, so that quotes, comments and
/// `${VARIABLES}` mean the same everywhere. The last of several lines counts; several `key[]` lines are put together.
fn other_option(variables: &Variables<'_>, text: &str, keys: &[&str]) -> Option<String> {
    let mut found: Option<String> = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim();
        if !keys.contains(&key) {
            continue;
        }
        let Some(value) = NpmRc::parse(variables, &format!("registry={value}\n")).ok().and_then(|parsed| parsed.registry) else { continue };
        match &mut found {
            Some(list) if key.ends_with("[]") => {
                list.push('\n');
                list.push_str(&value);
            }
            _ => found = Some(value),
        }
    }
    found.filter(|value| !value.is_empty() && value != "null" && value != "false")
}

/// The environment as `deno_npmrc` asks for it. `${NAME?}` is empty when unset; `${NAME}` stays as it is.
struct Variables<'a>(&'a HashMap<String, String>);

impl sys_traits::BaseEnvVar for Variables<'_> {
    fn base_env_var_os(&self, key: &OsStr) -> Option<OsString> {
        let key = key.to_str()?;
        match key.strip_suffix('?') {
            Some(optional) => Some(self.0.get(optional).cloned().unwrap_or_default().into()),
            None => self.0.get(key).map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn config(layers: &[&str], variables: &[(&str, &str)]) -> Config {
        let layers: Vec<Layer> = layers.iter().map(|text| Layer { path: ".npmrc".into(), text: (*text).to_owned() }).collect();
        Config::from_layers(&layers, &environment(variables), None).expect("readable")
    }

    fn name(text: &str) -> PackageName {
        PackageName::parse(text).expect("a name")
    }

    fn header(config: &Config, url: &str, package: &str) -> Option<String> {
        let value = config.authorization(&Url::parse(url).expect("an address"), Some(&name(package)))?;
        Some(value.to_str().expect("text").to_owned())
    }

    #[test]
    fn layers() {
        let strong = "registry=https://project.example/npm\n@acme:registry=https://acme.example/\n//acme.example/:_authToken=${TOKEN}\n";
        let weak = "registry=https://user.example/\n; comment\n@acme:registry=https://ignored.example/\n@other:registry = \"https://other.example/a\"\ncafile=${DIR}/ca.pem\n";
        let set = config(&[strong, weak], &[("TOKEN", "t0p"), ("DIR", "/etc")]);
        assert_eq!(set.registry_of(&name("x")).as_str(), "https://project.example/npm/");
        assert_eq!(set.registry_of(&name("@acme/x")).as_str(), "https://acme.example/");
        assert_eq!(set.registry_of(&name("@other/x")).as_str(), "https://other.example/a/");
        assert_eq!(set.cafile.as_deref(), Some(Path::new("/etc/ca.pem")));
        assert_eq!(header(&set, "https://acme.example/@acme%2fx", "@acme/x").as_deref(), Some("Bearer t0p"));
        let overridden = config(
            &[strong],
            &[("NPM_CONFIG_REGISTRY", "https://environment.example"), ("npm_config_https_proxy", "http://proxy.example:3128")],
        );
        assert_eq!(overridden.registry_of(&name("x")).as_str(), "https://environment.example/");
        assert_eq!(overridden.https_proxy.as_deref(), Some("http://proxy.example:3128"));
        let none = config(&[], &[]);
        assert_eq!(none.registry_of(&name("x")).as_str().trim_end_matches('/'), NPM_DEFAULT_REGISTRY.trim_end_matches('/'));
        let last = Config::from_layers(&[], &environment(&[("npm_config_registry", "https://a.example")]), Some("http://127.0.0.1:4873"))
            .expect("readable");
        assert_eq!(last.registry_of(&name("x")).as_str(), "http://127.0.0.1:4873/");
    }

    #[test]
    fn credentials_go_to_their_host_only() {
        let set = config(
            &[
                "registry=https://npm.example/a/\n//npm.example/a/:_authToken=one\n//npm.example/:_auth=dXNlcjpwYXNz\n//files.example:8443/:username=u\n//files.example:8443/:_password=c2VjcmV0\n",
            ],
            &[],
        );
        let check = |url: &str, expected: Option<&str>| assert_eq!(header(&set, url, "x").as_deref(), expected, "{url}");
        check("https://npm.example/a/x", Some("Bearer one"));
        check("https://npm.example/other/x.tgz", Some("Basic dXNlcjpwYXNz"));
        check("https://files.example:8443/x.tgz", Some("Basic dTpzZWNyZXQ="));
        check("https://files.example/x.tgz", None);
        check("https://npm.example.evil.example/a/x", None);
        check("https://evil.example/npm.example/a/x", None);
        check("http://npm.example/a/x", None);
        let plain = config(&["registry=http://intranet.example/\n//intranet.example/:_authToken=t\n"], &[]);
        assert_eq!(header(&plain, "http://intranet.example/x", "x").as_deref(), Some("Bearer t"));
    }

    #[test]
    fn environment_can_hold_credentials() {
        let set = config(&[], &[("npm_config_registry", "https://npm.example/"), ("npm_config_//npm.example/:_authToken", "t")]);
        assert_eq!(header(&set, "https://npm.example/x", "x").as_deref(), Some("Bearer t"));
    }

    #[test]
    fn optional_variables() {
        let set = config(&["registry=https://a.example/${UNSET?}\n//a.example/:_authToken=${UNSET}\n"], &[]);
        assert_eq!(set.registry_of(&name("x")).as_str(), "https://a.example/");
        assert_eq!(header(&set, "https://a.example/x", "x").as_deref(), Some("Bearer ${UNSET}"));
    }

    #[test]
    fn mistakes_name_their_place_and_no_value() {
        let error = |text: &str| {
            let layer = Layer { path: "/home/jane/.npmrc".into(), text: text.to_owned() };
            Config::from_layers(&[layer], &HashMap::new(), None).expect_err("unusable").to_string()
        };
        assert_eq!(error("registry=secret-not-a-url"), "the registry address in the setting `registry` is not an http or https address");
        assert_eq!(error("@a:registry=file:///x"), "the registry address in the setting `@a:registry` is not an http or https address");
    }

    #[test]
    fn debug_shows_no_secret() {
        let set = config(&["//npm.example/:_authToken=canary\nproxy=http://u:canary@proxy.example\n"], &[]);
        let layer = Layer { path: "x".into(), text: "canary".to_owned() };
        assert!(!format!("{set:?} {layer:?}").contains("canary"));
    }

    #[test]
    fn places() {
        let folder = std::env::temp_dir();
        let paths = |variables: &[(&str, &str)], home: &Path| -> Vec<PathBuf> {
            npmrc_places(&environment(variables), &folder, Some(home), Some(Path::new("/usr")))
                .into_iter()
                .map(|place| place.path)
                .collect()
        };
        assert_eq!(paths(&[], Path::new("/home/jane"))[1..], [PathBuf::from("/home/jane/.npmrc"), PathBuf::from("/usr/etc/npmrc")]);
        let set = [("NPM_CONFIG_USERCONFIG", "/u"), ("npm_config_globalconfig", "/g")];
        assert_eq!(paths(&set, Path::new("/home/jane"))[1..], [PathBuf::from("/u"), PathBuf::from("/g")]);
        assert_eq!(paths(&[("PREFIX", "/opt")], &folder).last(), Some(&PathBuf::from("/opt/etc/npmrc")));
    }
}
