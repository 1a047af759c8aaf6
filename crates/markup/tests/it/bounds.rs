//! Texts made to take long or to nest deep, on a stack as small as a server's workers have.
#![expect(clippy::print_stderr, reason = "the times are what `--nocapture` is for")]

use crate::{render, strict};

fn check(name: &'static str, text: String) {
    let started = std::time::Instant::now();
    let size = text.len();
    let run = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || render(&text)).expect("a thread");
    let readme = run.join().unwrap_or_else(|_| panic!("{name} panics"));
    eprintln!("{name}: {size} bytes in {:?}, {} out", started.elapsed(), readme.html.len());
    if let Err(problem) = strict::check(&readme.html) {
        panic!("{name}: {problem}");
    }
}

/// As much of it as a README may have.
fn full(piece: &str) -> String {
    piece.repeat(markup::MAX_README / piece.len())
}

fn numbered(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

#[test]
fn deep() {
    check("quotes", ">".repeat(10_000) + "a\n" + &">".repeat(10_000) + "b");
    check("quotes, full", full(">"));
    check("quotes and lines", full(&(">".repeat(200) + "a\n")));
    check("lists", "- ".repeat(10_000) + "a");
    check("lists and blanks", "- ".repeat(100_000) + "a" + &"\n".repeat(800_000));
    check("lists, indented", (0..1_000).map(|depth| "  ".repeat(depth) + "- a\n").collect());
    check("numbered", "1. ".repeat(10_000) + "a");
    check("divs", full("<div>"));
    check("divs by line", full("<div>\n\n"));
    check("inline tags", full("<b><i>"));
    check("bold with attributes", numbered(60_000, |at| format!("<b id=x{at}><p>")));
    check("fonts", full("<font size=1>"));
    check("tables", full("<table><tr><td>"));
    check("tables alone", full("<table>"));
    check("brackets", full("["));
    check("closed brackets", "[".repeat(400_000) + &"]".repeat(400_000));
    check("emphasis", full("*a **a "));
    check("underscores", full("_a __a "));
    check("strikes", full("~~a ~a "));
    check("images", full("!["));
    check("images in images", "![".repeat(50_000) + &"](x)".repeat(50_000));
    check("svg", full("<svg>"));
    check("braces in code", format!("```js\n{}\n```", "{[(".repeat(20_000)));
    check("tags in code", format!("```html\n{}\n```", "<a>\n".repeat(16_000)));
    check("quotes in code", format!("```tsx\n{}\n```", "`${\"<\n".repeat(9_000)));
}

#[test]
fn long() {
    check("links begun", "[a](".repeat(50_000));
    check("links begun, full", full("[a](<b"));
    check("stars", "*a ".repeat(100_000));
    check("tags begun", "<a ".repeat(300_000));
    check("tags begun in lines", full("<a\n"));
    check("quotes begun", full("<a x=\""));
    check("comments begun", full("<!--"));
    check("comments", full("<!-- -->"));
    check("comments by line", full("<!-- a\n\n"));
    check("instructions", full("<?"));
    check("declarations", full("<!A "));
    check("cdata", full("<![CDATA["));
    check("ticks", (1..1_400).map(|count| "`".repeat(count) + "a ").collect());
    check("definitions", numbered(50_000, |at| format!("[a{at}]: /u{at}\n")));
    check("definitions used", format!("[a]: /{}\n\n", "u".repeat(10_000)) + &"[a]".repeat(300_000));
    check("footnotes", "[^a]".repeat(200_000) + "\n\n[^a]: x\n");
    check("footnote definitions", numbered(30_000, |at| format!("[^{at}]\n\n[^{at}]: x\n\n")));
    check("wide table", format!("{}\n{}\n{}", "|a".repeat(50_000), "|-".repeat(50_000), "|b\n".repeat(50_000)));
    check("narrow table", format!("{}\n{}\n{}", "|a".repeat(90), "|-".repeat(90), "|b\n".repeat(300_000)));
    check("cells", "|a|b|\n|-|-|\n".to_owned() + &"|c|d|\n".repeat(170_000));
    check("headings", full("# a\n"));
    check("headings of one name", full("#\n"));
    check("headings by tag", full("<h1>"));
    check("image marks", full("![](x) "));
    check("addresses", full("http://a.b/ "));
    check("addresses joined", full("http://"));
    check("at signs", full("a@b.c "));
    check("www", full("www."));
    check("entities", full("&amp;"));
    check("ampersands", full("&"));
    check("attributes", format!("<a {}>", "x=1 y ".repeat(150_000)));
    check("tasks", full("- [x] a\n"));
    check("list", full("- a\n"));
    check("alerts", full("> [!NOTE]\n> a\n\n"));
    check("breaks", full("<br>"));
    check("ends", full("</div>"));
    check("anchors", full("<a name=x>"));
    check("lines", full("a\n\n"));
    check("backslashes", full("\\"));
    check("colons", full(":+1:"));
    check("letters", full("a"));
    check("lazy", full("#a\n"));
    check("code lines", format!("```js\n{}\n```", "let a = [1, {b: 'c'}]; // d\n".repeat(30_000)));
    check("code blocks", full("```ts\nconst a: string = `b`\n```\n"));
    check("noise in code", format!("```ts\n{}\n```", "<a b c ? : => < } ; ' \n".repeat(2_700)));
    check("shell noise", format!("```sh\n{}\n```", "if [ $(a; <<EOF | \" ' \n".repeat(2_700)));
    check("yaml noise", format!("```yml\n{}\n```", "- ? : { [ & * ! | >\n".repeat(3_200)));
    check("css noise", format!("```css\n{}\n```", "a { b: c( } @x ; ' \n".repeat(3_200)));
}

#[test]
fn what_is_too_long_is_cut() {
    let readme = render(&"é".repeat(markup::MAX_README));
    assert!(readme.cut);
    assert!(!render("short").cut);
}
