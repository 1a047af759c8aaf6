//! One version's own package.json, as far as pages show it.

use std::collections::HashSet;

use nodejs_semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{browse_url, directory, tolerant};

pub(crate) const FIELDS: &[&str] = &[
    "description",
    "keywords",
    "license",
    "licence",
    "licenses",
    "homepage",
    "bugs",
    "repository",
    "author",
    "maintainers",
    "_npmUser",
    "deprecated",
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "optionalDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "engines",
    "os",
    "cpu",
    "libc",
    "bin",
    "main",
    "module",
    "browser",
    "type",
    "exports",
    "types",
    "typings",
    "typesVersions",
    "scripts",
    "gypfile",
    "hasInstallScript",
    "funding",
    "dist",
];

/// The scripts that npm runs while it installs a package.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];
/// Most entries kept of any list, and the deepest `exports` walked.
const MAX_ENTRIES: usize = 2_000;
const MAX_DEPTH: usize = 12;

/// What one version says of itself. What is missing was not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Manifest {
    /// The version.
    pub version: String,
    /// One line, control characters removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Keywords, without duplicates, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// SPDX expression or whatever the author wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// http or https only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// http, https or mailto only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bugs: Option<String>,
    /// Web address of the source repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The folder of the repository in which the package is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The author, as the package names them; not a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The users who could publish when this version was published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<String>,
    /// Who published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The build service that published it on the publisher's behalf, as `github`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_publisher: Option<String>,
    /// Why it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Installed with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Expected beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peer_dependencies: Vec<Dependency>,
    /// Installed with it where that works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub optional_dependencies: Vec<Dependency>,
    /// Needed to work on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dev_dependencies: Vec<Dependency>,
    /// Packages inside its tarball.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundled_dependencies: Vec<String>,
    /// As `node` with its range.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<Dependency>,
    /// Operating systems, processors and C libraries it is limited to, or with `!` not for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Commands it installs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// It can be loaded with `import` as an ECMAScript module.
    #[serde(skip_serializing_if = "is_false")]
    pub is_esm: bool,
    /// It can be loaded with `require` as a CommonJS module.
    #[serde(skip_serializing_if = "is_false")]
    pub is_commonjs: bool,
    /// It brings TypeScript types.
    #[serde(skip_serializing_if = "is_false")]
    pub has_types: bool,
    /// The scripts that run while it is installed, name and command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub install_scripts: Vec<InstallScript>,
    /// Where to give money; http or https only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub funding: Vec<String>,
    /// Address of the tarball.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tarball: Option<String>,
    /// Its hashes as `sha512-…`, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
    /// Its SHA-1 in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shasum: Option<String>,
    /// Bytes when unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked_bytes: Option<u64>,
    /// Files in the tarball.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// The registry holds a statement about how it was built.
    #[serde(skip_serializing_if = "is_false")]
    pub has_provenance: bool,
}

/// A name and the range of versions that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dependency {
    /// The name of a package or an engine.
    pub name: String,
    /// A semver range, a tag, an address; as written.
    pub range: String,
    /// It may be missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// A script that runs while a package is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InstallScript {
    /// `preinstall`, `install` or `postinstall`.
    pub name: String,
    /// Its command; missing where the registry only says that there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether a text is a semantic version and nothing else. The parser alone accepts whatever follows one.
#[must_use]
pub fn is_version(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b)) && Version::parse(text).is_ok()
}

impl Manifest {
    /// Reads an entry of `versions`; `None` when its key is no version at all.
    pub(crate) fn read(version: &str, fields: &Map<String, Value>) -> Option<Self> {
        let version = is_version(version).then(|| version.to_owned())?;
        let get = |key: &str| fields.get(key);
        let dist = get("dist").and_then(Value::as_object);
        let dist = |key: &str| dist.and_then(|dist| dist.get(key));
        let optional_peers = get("peerDependenciesMeta").and_then(Value::as_object);
        let is_optional =
            |name: &str| optional_peers.is_some_and(|peers| peers.get(name).and_then(|peer| peer["optional"].as_bool()) == Some(true));
        let mut peer_dependencies = dependencies(get("peerDependencies"));
        peer_dependencies.iter_mut().for_each(|peer| peer.optional = is_optional(&peer.name));
        let optional_dependencies = dependencies(get("optionalDependencies"));
        // npm writes optional dependencies into both lists.
        let mut needed = dependencies(get("dependencies"));
        let optional: HashSet<&str> = optional_dependencies.iter().map(|dependency| dependency.name.as_str()).collect();
        needed.retain(|dependency| !optional.contains(dependency.name.as_str()));
        let user = get("_npmUser");
        let bundled = get("bundleDependencies").or_else(|| get("bundledDependencies"));
        let (is_esm, is_commonjs) = module_formats(fields);
        Some(Self {
            description: tolerant::text(get("description")),
            keywords: tolerant::keywords(get("keywords")),
            license: tolerant::license(fields),
            homepage: tolerant::web_address(get("homepage")),
            bugs: tolerant::bugs(get("bugs")),
            repository: get("repository").and_then(browse_url),
            directory: get("repository").and_then(directory),
            author: get("author").and_then(|author| tolerant::people(Some(author)).into_iter().next()),
            maintainers: tolerant::people(get("maintainers")),
            publisher: user.and_then(tolerant::person),
            trusted_publisher: user.and_then(|user| tolerant::text(user.get("trustedPublisher")?.get("id"))),
            deprecated: tolerant::deprecated(get("deprecated")),
            bundled_dependencies: match bundled {
                Some(Value::Bool(true)) => needed.iter().map(|dependency| dependency.name.clone()).collect(),
                Some(Value::Object(names)) => names.keys().filter_map(|name| tolerant::clean(name)).take(MAX_ENTRIES).collect(),
                other => texts(other),
            },
            dependencies: needed,
            peer_dependencies,
            optional_dependencies,
            dev_dependencies: dependencies(get("devDependencies")),
            engines: dependencies(get("engines")),
            platforms: ["os", "cpu", "libc"].iter().flat_map(|key| texts(get(key))).collect(),
            commands: commands(get("bin")),
            is_esm,
            is_commonjs,
            has_types: has_types(fields),
            install_scripts: install_scripts(fields),
            funding: funding(get("funding")),
            tarball: tolerant::web_address(dist("tarball")),
            integrity: tolerant::text(dist("integrity")),
            shasum: tolerant::text(dist("shasum")),
            unpacked_bytes: tolerant::count(dist("unpackedSize")),
            files: tolerant::count(dist("fileCount")),
            has_provenance: dist("attestations").and_then(|found| found.get("provenance")).is_some_and(Value::is_object),
            version,
        })
    }
}

impl Manifest {
    /// Name and range of what is installed with it or expected beside it, optional ones included, as far as these mean packages of the
    /// registry. A name that two lists have stands twice.
    #[must_use]
    pub fn needed(&self) -> Vec<(&str, &str)> {
        let lists = [&self.dependencies, &self.optional_dependencies, &self.peer_dependencies];
        lists.into_iter().flatten().filter_map(Dependency::on_registry).collect()
    }
}

impl Dependency {
    /// Name and range of the package of the registry that is meant: `npm:` names another one, and an address or a path means none.
    #[must_use]
    pub fn on_registry(&self) -> Option<(&str, &str)> {
        let range = self.range.as_str();
        let (name, range) = match range.strip_prefix("npm:") {
            // The first character may be the @ of a scope.
            Some(other) => match other.get(1..).and_then(|rest| rest.find('@')) {
                Some(at) => (&other[..=at], &other[at + 2..]),
                None => (other, "*"),
            },
            None if range.contains([':', '/']) => return None,
            None => (self.name.as_str(), range),
        };
        crate::PackageName::parse(name).is_ok().then_some((name, range))
    }
}

fn dependencies(value: Option<&Value>) -> Vec<Dependency> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    let read = |(name, range): (&String, &Value)| {
        Some(Dependency {
            name: tolerant::clean(name)?,
            range: tolerant::clean(range.as_str()?).unwrap_or_else(|| "*".to_owned()),
            optional: false,
        })
    };
    entries.filter_map(read).take(MAX_ENTRIES).collect()
}

/// A list of texts, or one text.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(|item| tolerant::text(Some(item))).take(MAX_ENTRIES).collect(),
        one => tolerant::text(one).into_iter().collect(),
    }
}

/// The names of `bin`; one path alone is a command with the package's name, written `.`.
fn commands(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(named)) => {
            named.iter().filter(|(_, path)| path.is_string()).filter_map(|(name, _)| tolerant::clean(name)).take(MAX_ENTRIES).collect()
        }
        Some(Value::String(path)) if !path.is_empty() => vec![".".to_owned()],
        _ => Vec::new(),
    }
}

/// Whether `import` and `require` find a module, from `exports`, `type`, `main` and `module`.
fn module_formats(fields: &Map<String, Value>) -> (bool, bool) {
    let is_module = fields.get("type").and_then(Value::as_str) == Some("module");
    let (mut esm, mut commonjs) = (false, false);
    let mut file = |path: &str, condition: Option<bool>| {
        let path = path.rsplit('/').next().unwrap_or(path);
        let ends = |ending: &str| path.len() > ending.len() && path.ends_with(ending);
        match (ends(".mjs"), ends(".cjs"), ends(".js") || !path.contains('.')) {
            (true, ..) => esm = true,
            (_, true, _) => commonjs = true,
            (_, _, true) if condition.unwrap_or(is_module) => esm = true,
            (_, _, true) => commonjs = true,
            _ => {}
        }
    };
    match fields.get("exports") {
        Some(exports) if !exports.is_null() => walk_exports(exports, None, MAX_DEPTH, &mut file),
        _ => match fields.get("main").and_then(Value::as_str) {
            Some(main) => file(main, None),
            // A package without an entry still has index.js, unless it is only types.
            None if fields.get("types").is_none() && fields.get("typings").is_none() => file("index.js", None),
            None => {}
        },
    }
    if fields.get("module").is_some_and(Value::is_string) {
        esm = true;
    }
    (esm, commonjs)
}

fn walk_exports(value: &Value, condition: Option<bool>, depth: usize, file: &mut impl FnMut(&str, Option<bool>)) {
    match value {
        Value::String(path) => file(path, condition),
        Value::Array(items) if depth > 0 => items.iter().for_each(|item| walk_exports(item, condition, depth - 1, file)),
        Value::Object(entries) if depth > 0 => {
            for (key, value) in entries {
                let condition = match key.as_str() {
                    "import" | "module" => Some(true),
                    "require" => Some(false),
                    "types" | "typings" | "./package.json" => continue,
                    _ => condition,
                };
                walk_exports(value, condition, depth - 1, file);
            }
        }
        _ => {}
    }
}

fn has_types(fields: &Map<String, Value>) -> bool {
    fn in_exports(value: &Value, depth: usize) -> bool {
        match value {
            Value::Object(entries) if depth > 0 => {
                entries.iter().any(|(key, value)| key == "types" || key.starts_with("types@") || in_exports(value, depth - 1))
            }
            Value::Array(items) if depth > 0 => items.iter().any(|item| in_exports(item, depth - 1)),
            Value::String(path) => [".d.ts", ".d.mts", ".d.cts"].iter().any(|ending| path.ends_with(ending)),
            _ => false,
        }
    }
    let is_text = |key: &str| fields.get(key).and_then(Value::as_str).is_some_and(|path| !path.is_empty());
    is_text("types")
        || is_text("typings")
        || fields.get("typesVersions").is_some_and(Value::is_object)
        || fields.get("exports").is_some_and(|exports| in_exports(exports, MAX_DEPTH))
}

fn install_scripts(fields: &Map<String, Value>) -> Vec<InstallScript> {
    let scripts = fields.get("scripts").and_then(Value::as_object);
    let mut found: Vec<InstallScript> = INSTALL_SCRIPTS
        .iter()
        .filter_map(|name| Some(InstallScript { name: (*name).to_owned(), command: Some(tolerant::text(scripts?.get(*name))?) }))
        .collect();
    let said = fields.get("hasInstallScript") == Some(&Value::Bool(true));
    let builds = fields.get("gypfile") == Some(&Value::Bool(true));
    if found.is_empty() && (said || builds) {
        found.push(InstallScript { name: "install".to_owned(), command: builds.then(|| "node-gyp rebuild".to_owned()) });
    }
    found
}

fn funding(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| tolerant::web_address(Some(value.get("url").unwrap_or(value)));
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(one).take(20).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Manifest {
        let fields: Map<String, Value> = serde_json::from_str(json).expect("an object");
        Manifest::read("1.0.0", &fields).expect("a version")
    }

    #[test]
    fn module_formats_and_types() {
        let check = |json: &str, esm: bool, commonjs: bool, types: bool| {
            let found = read(json);
            assert_eq!((found.is_esm, found.is_commonjs, found.has_types), (esm, commonjs, types), "{json}");
        };
        check("{}", false, true, false);
        check(r#"{"type":"module"}"#, true, false, false);
        check(r#"{"main":"lib/x.cjs","module":"x.js"}"#, true, true, false);
        check(r#"{"exports":"./x.mjs"}"#, true, false, false);
        check(r#"{"type":"module","exports":{".":{"types":"./x.d.ts","import":"./x.js","require":"./x.cjs"}}}"#, true, true, true);
        check(r#"{"exports":{".":{"import":{"default":"./x.js"},"require":["./y.js"]}}}"#, true, true, false);
        check(r#"{"exports":{"./a":{"import":{"types":"./a.d.mts"}}}}"#, false, false, true);
        check(r#"{"types":"index.d.ts"}"#, false, false, true);
        check(r#"{"main":"index.js","typings":""}"#, false, true, false);
        check(r#"{"exports":null,"main":"a"}"#, false, true, false);
        check(r#"{"exports":[[[[[[[[[[[[[["./deep.mjs"]]]]]]]]]]]]]]}"#, false, false, false);
    }

    #[test]
    fn what_may_have_any_shape() {
        let found = read(
            r#"{"dependencies":{"a":"^1","b":7,"c":"","d":"2"},"optionalDependencies":{"d":"2"},"peerDependencies":{"p":"*","q":"1"},
            "peerDependenciesMeta":{"q":{"optional":true},"p":3},"devDependencies":[1],"bundleDependencies":true,"engines":["node"],"os":"linux",
            "cpu":["x64","!arm"],"bin":"./cli.js","scripts":{"install":"node x","test":"t","postinstall":7},"funding":["https://a.example",{"url":"b.example"},{"url":"javascript:x"}],
            "dist":{"tarball":"https://registry.example/x.tgz","unpackedSize":"12","fileCount":3,"attestations":{"provenance":{}}},
            "_npmUser":{"name":"GitHub Actions","trustedPublisher":{"id":"github"}},"author":["Jane <j@example.com>"],"repository":{"url":"a/b","directory":"../x/y"}}"#,
        );
        insta::assert_json_snapshot!(found);
        let said = read(r#"{"hasInstallScript":true,"bundledDependencies":["a",1],"bin":{"x":"y","z":1}}"#);
        assert_eq!(said.install_scripts, [InstallScript { name: "install".to_owned(), command: None }]);
        assert_eq!((said.bundled_dependencies, said.commands), (vec!["a".to_owned()], vec!["x".to_owned()]));
    }
}
