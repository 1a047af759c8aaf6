//! Source code with its tokens marked by class names.
//!
//! One pass over the text that knows comments, strings, numbers, words and tags, and what each of a few languages makes of them. It
//! understands less than a grammar does, and its time is in proportion to the text whatever the text is: the error recovery of
//! tree-sitter, measured on eight kilobytes written against it, takes most of a minute.

/// Longest piece of code that is highlighted, in bytes; anything longer is shown plain.
pub const MAX_BLOCK: usize = 64 * 1024;

/// Every class a highlighted `<span>` can have. A stylesheet has to give each a colour of at least 4.5:1.
pub const TOKEN_CLASSES: [&str; 13] = [
    "tok-attribute",
    "tok-comment",
    "tok-constant",
    "tok-deleted",
    "tok-function",
    "tok-inserted",
    "tok-keyword",
    "tok-number",
    "tok-property",
    "tok-string",
    "tok-tag",
    "tok-type",
    "tok-variable",
];

/// The code as HTML: escaped text and `<span class="tok-…">`, nothing else. `None` when the language is not known or the code is longer
/// than [`MAX_BLOCK`]. `name` is what stands behind the opening fence, in any case.
#[must_use]
pub fn highlight(code: &str, name: &str) -> Option<String> {
    let language = language(&name.to_ascii_lowercase()).filter(|_| code.len() <= MAX_BLOCK)?;
    let mut html = String::with_capacity(code.len() * 2);
    match language {
        "diff" => return Some(diff(code)),
        "html" | "xml" => markup(&mut html, code),
        _ => program(&mut html, code, language),
    }
    Some(html)
}

/// Words, strings and comments.
fn program(html: &mut String, code: &str, language: &str) {
    let hash = matches!(language, "bash" | "yaml" | "toml");
    let slashes = matches!(language, "javascript" | "typescript" | "rust" | "json");
    let keyed = matches!(language, "json" | "yaml" | "toml" | "css");
    let mut rest = code;
    let mut before = '\n';
    while let Some(c) = rest.chars().next() {
        let bounded = !(before.is_alphanumeric() || before == '_');
        let (length, class) = if (slashes && rest.starts_with("//")) || (hash && c == '#' && (before.is_whitespace() || before == '\n')) {
            (rest.find('\n').unwrap_or(rest.len()), Some("tok-comment"))
        } else if (slashes || language == "css") && rest.starts_with("/*") {
            (rest[2..].find("*/").map_or(rest.len(), |end| end + 4), Some("tok-comment"))
        } else if c == '"' || (c == '\'' && bounded && language != "rust") || (c == '`' && matches!(language, "javascript" | "typescript"))
        {
            let length = string(rest, c);
            (length, Some(if keyed && is_key(&rest[length..], language) { "tok-property" } else { "tok-string" }))
        } else if c == '$' && language == "bash" {
            let length = 1 + word(&rest[1..], false);
            (length, (length > 1).then_some("tok-variable"))
        } else if c == '-' && language == "bash" && before.is_whitespace() {
            (1 + rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(rest.len() - 1), Some("tok-attribute"))
        } else if c.is_ascii_digit() && bounded {
            (rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len()), Some("tok-number"))
        } else if c.is_alphabetic() || c == '_' {
            let length = word(rest, keyed);
            (length, word_class(&rest[..length], &rest[length..], language))
        } else {
            (c.len_utf8(), None)
        };
        push_token(html, class, &rest[..length]);
        before = rest[..length].chars().next_back().unwrap_or(c);
        rest = &rest[length..];
    }
}

/// Bytes of the string that begins here. One that its line does not end is taken for an apostrophe's; template strings span lines.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if quote != '`' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the word that begins here.
fn word(text: &str, hyphens: bool) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || (hyphens && c == '-'))).unwrap_or(text.len())
}

/// Whether what stands before `rest` is a key.
fn is_key(rest: &str, language: &str) -> bool {
    let line = rest.trim_start_matches([' ', '\t']);
    line.starts_with(if language == "toml" { '=' } else { ':' })
}

fn word_class(word: &str, rest: &str, language: &str) -> Option<&'static str> {
    let keywords: &[&str] = match language {
        "javascript" | "typescript" => &[
            "as",
            "async",
            "await",
            "break",
            "case",
            "catch",
            "class",
            "const",
            "continue",
            "default",
            "delete",
            "do",
            "else",
            "enum",
            "export",
            "extends",
            "finally",
            "for",
            "from",
            "function",
            "get",
            "if",
            "implements",
            "import",
            "in",
            "instanceof",
            "interface",
            "let",
            "namespace",
            "new",
            "of",
            "private",
            "public",
            "readonly",
            "return",
            "satisfies",
            "set",
            "static",
            "super",
            "switch",
            "this",
            "throw",
            "try",
            "type",
            "typeof",
            "var",
            "void",
            "while",
            "with",
            "yield",
        ],
        "rust" => &[
            "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "fn", "for", "if", "impl",
            "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super", "trait",
            "type", "unsafe", "use", "where", "while",
        ],
        "bash" => &[
            "case", "cd", "do", "done", "echo", "elif", "else", "esac", "export", "fi", "for", "function", "if", "in", "npm", "npx",
            "pnpm", "return", "set", "source", "sudo", "then", "while", "yarn", "bun", "deno", "node", "git",
        ],
        "css" => &["import", "media", "supports", "keyframes", "layer", "font", "important"],
        _ => &[],
    };
    if matches!(language, "json" | "yaml" | "toml" | "css") && is_key(rest, language) {
        return Some("tok-property");
    }
    if keywords.contains(&word) {
        return Some("tok-keyword");
    }
    if matches!(word, "true" | "false" | "null" | "undefined" | "None" | "NaN") {
        return Some("tok-constant");
    }
    let program = matches!(language, "javascript" | "typescript" | "rust" | "css");
    if program && rest.starts_with(['(', '!']) {
        return Some("tok-function");
    }
    (program && language != "css" && word.starts_with(char::is_uppercase)).then_some("tok-type")
}

/// Tags with their attributes, and comments.
fn markup(html: &mut String, code: &str) {
    let mut rest = code;
    let mut in_tag = false;
    while let Some(c) = rest.chars().next() {
        let opens = c == '<' && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        let (length, class) = if rest.starts_with("<!--") {
            (rest.find("-->").map_or(rest.len(), |end| end + 3), Some("tok-comment"))
        } else if opens {
            in_tag = true;
            (1 + rest[1..].find(|c: char| c.is_whitespace() || c == '>' || c == '<').unwrap_or(rest.len() - 1), Some("tok-tag"))
        } else if in_tag && c == '>' {
            in_tag = false;
            (1, Some("tok-tag"))
        } else if in_tag && (c == '"' || c == '\'') {
            (rest[1..].find(c).map_or(rest.len(), |end| end + 2), Some("tok-string"))
        } else if in_tag && !c.is_whitespace() && c != '=' {
            let length = rest.find(|c: char| c.is_whitespace() || "=>\"'".contains(c)).unwrap_or(rest.len());
            (length.max(c.len_utf8()), Some("tok-attribute"))
        } else {
            let length = if in_tag { c.len_utf8() } else { rest[c.len_utf8()..].find('<').map_or(rest.len(), |at| at + c.len_utf8()) };
            (length, None)
        };
        push_token(html, class, &rest[..length]);
        rest = &rest[length..];
    }
}

fn push_token(html: &mut String, class: Option<&str>, text: &str) {
    // A span around blanks shows nothing.
    let class = class.filter(|_| !text.trim().is_empty());
    if let Some(class) = class {
        html.push_str("<span class=\"");
        html.push_str(class);
        html.push_str("\">");
    }
    crate::escape_into(html, text);
    if class.is_some() {
        html.push_str("</span>");
    }
}

/// Line by line: what a diff says is in its first column.
fn diff(code: &str) -> String {
    let mut html = String::with_capacity(code.len() * 2);
    for line in code.split_inclusive('\n') {
        let text = line.strip_suffix('\n').unwrap_or(line);
        let class = match text.as_bytes() {
            [b'@', b'@', ..] => Some("tok-function"),
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Some("tok-keyword"),
            [b'+', ..] => Some("tok-inserted"),
            [b'-', ..] => Some("tok-deleted"),
            _ => None,
        };
        push_token(&mut html, class, text);
        html.push_str(&line[text.len()..]);
    }
    html
}

/// The language for the names people write behind a fence.
fn language(language: &str) -> Option<&'static str> {
    let name = language.trim_start_matches(['{', '.']).trim_end_matches('}');
    Some(match name.split([',', ':', '{', ' ']).next().unwrap_or_default() {
        "js" | "javascript" | "jsx" | "mjs" | "cjs" | "es6" | "node" | "ecmascript" | "javascriptreact" | "flow" => "javascript",
        "ts" | "typescript" | "mts" | "cts" | "dts" | "tsx" | "typescriptreact" => "typescript",
        "sh" | "bash" | "shell" | "console" | "zsh" | "shellscript" | "shell-session" | "terminal" | "term" | "cli" | "npm" => "bash",
        "json" | "jsonc" | "json5" | "jsonl" | "webmanifest" => "json",
        "html" | "htm" | "xhtml" | "vue" | "vue-html" | "svelte" | "astro" | "hbs" | "handlebars" | "ejs" => "html",
        "xml" | "svg" | "rss" | "plist" => "xml",
        "css" | "postcss" | "pcss" | "scss" | "less" => "css",
        "yaml" | "yml" => "yaml",
        "toml" => "toml",
        "rust" | "rs" => "rust",
        "diff" | "patch" => "diff",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let check = |language: &str, code: &str, expected: &str| {
            assert_eq!(highlight(code, language).expect("a known language"), expected, "{language}");
        };
        check(
            "js",
            "const a = 'b < c'\n",
            "<span class=\"tok-keyword\">const</span> a = \
             <span class=\"tok-string\">&#39;b &lt; c&#39;</span>\n",
        );
        check("json", "{\"a\": 1}", "{<span class=\"tok-property\">&quot;a&quot;</span>: <span class=\"tok-number\">1</span>}");
        check(
            "html",
            "a<b c=\"d\">e<!--",
            "a<span class=\"tok-tag\">&lt;b</span> <span class=\"tok-attribute\">c</span>=<span class=\"tok-string\">&quot;d&quot;</span>\
             <span class=\"tok-tag\">&gt;</span>e<span class=\"tok-comment\">&lt;!--</span>",
        );
        check(
            "sh",
            "npm i -g $X # y",
            "<span class=\"tok-keyword\">npm</span> i <span class=\"tok-attribute\">-g</span> <span class=\"tok-variable\">$X</span> <span class=\"tok-comment\"># y</span>",
        );
        check("diff", "+a\n-b\n c", "<span class=\"tok-inserted\">+a</span>\n<span class=\"tok-deleted\">-b</span>\n c");
        check("YAML", "", "");
    }

    #[test]
    fn every_alias_has_a_grammar_and_only_known_classes() {
        for language in
            ["js", "jsx", "mjs", "ts", "tsx", "sh", "console", "json", "html", "vue", "xml", "css", "yml", "toml", "rs", "patch"]
        {
            let code = "<a href=\"x\">é</a> { \"a\": [1, true] } let x: string = `y`; # c\n- b\n+ c";
            let html = highlight(code, language).expect("a known language");
            for class in html.split("class=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
                assert!(TOKEN_CLASSES.contains(&class), "{language}: {class}");
            }
        }
        assert_eq!(highlight("x", "brainfuck"), None);
        assert_eq!(highlight(&"x\n".repeat(MAX_BLOCK), "js"), None);
    }
}
