//! READMEs in tarballs of every make.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use registry::{Error, MAX_README, ReadmeFile, read_readme};
use tar::{EntryType, Header};
use testkit::{folder, tarball};

/// A gzipped tar with these entries: kind, path as it stands in the header, content.
fn entries(entries: &[(EntryType, &[u8], &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, path, content) in entries {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *content).expect("memory does not fail");
    }
    zipped(&archive.into_inner().expect("memory does not fail"))
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

fn read(bytes: &[u8]) -> Result<Option<ReadmeFile>, Error> {
    let there = folder();
    let path = there.path().join("x.tgz");
    std::fs::write(&path, bytes).expect("writable");
    read_readme(&path)
}

fn name_and_text(bytes: &[u8]) -> Option<(String, String)> {
    read(bytes).expect("readable").map(|readme| (readme.name, readme.text))
}

#[test]
fn the_right_file_is_chosen() {
    let check = |files: &[(&str, &str)], expected: Option<(&str, &str)>| {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        let found = name_and_text(&tarball(&files));
        assert_eq!(found.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), expected, "{files:?}");
    };
    check(&[("package/package.json", "{}"), ("package/README.md", "# x")], Some(("README.md", "# x")));
    check(&[("is-odd/readme", "x"), ("is-odd/index.js", "")], Some(("readme", "x")));
    check(&[("package/README.zh-CN.md", "zh"), ("package/readme.md", "en")], Some(("readme.md", "en")));
    check(&[("package/readme.md", "en"), ("package/README.zh-CN.md", "zh")], Some(("readme.md", "en")));
    check(&[("package/README", "bare"), ("package/Readme.markdown", "mark")], Some(("Readme.markdown", "mark")));
    check(&[("package/README.txt", "text"), ("package/README", "bare")], Some(("README", "bare")));
    check(&[("package/README.rst", "rst")], Some(("README.rst", "rst")));
    check(&[("package/README.md", "old"), ("package/README.md", "new")], Some(("README.md", "new")));
    check(&[("one/README.md", "one"), ("two/README.md", "two")], Some(("README.md", "two")));
    check(&[("package/README.md", ""), ("package/README", "bare")], Some(("README", "bare")));
    check(&[("package/README.md", "old"), ("package/README.md", "")], None);
    check(&[("package/docs/README.md", "deep"), ("README.md", "no folder"), ("package/readme-old.md", "x")], None);
    check(&[], None);
    let many: Vec<(String, &[u8])> = (0..40).map(|number| (format!("package/README.{number}"), &b"x"[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    assert_eq!(name_and_text(&tarball(&many)).map(|(name, _)| name).as_deref(), Some("README.0"));
}

#[test]
fn only_files_of_the_package_count() {
    let others = [
        (EntryType::Directory, &b"is-odd/"[..], &b""[..]),
        (EntryType::Directory, b"is-odd/README.md", b""),
        (EntryType::Symlink, b"is-odd/README.md", b""),
        (EntryType::Link, b"is-odd/README.md", b""),
        (EntryType::Char, b"is-odd/README.md", b""),
        (EntryType::Fifo, b"is-odd/README.md", b""),
        (EntryType::Regular, b"/is-odd/README.md", b"absolute"),
        (EntryType::Regular, b"is-odd/../README.md", b"above"),
        (EntryType::Regular, b"../README.md", b"above"),
        (EntryType::Regular, b"is-odd/README.md/", b"a folder of old"),
        (EntryType::Regular, b"is-odd/README.\xff", b"no text"),
    ];
    assert_eq!(name_and_text(&entries(&others)), None);
    let mut with_one = others.to_vec();
    with_one.insert(4, (EntryType::Regular, b"is-odd/README.md", b"# odd"));
    assert_eq!(name_and_text(&entries(&with_one)), Some(("README.md".to_owned(), "# odd".to_owned())));
}

#[test]
fn long_names_and_extended_headers() {
    let pax = |path: &str| {
        let record = format!(" path={path}\n");
        let length = (1..999).find(|length: &usize| length.to_string().len() + record.len() == *length).expect("a length");
        format!("13 comment=x\n{length}{record}").into_bytes()
    };
    let (extended, long) = (pax("package/README.md"), format!("{}/README.md\0", "d".repeat(200)).into_bytes());
    let found = Some(("README.md".to_owned(), "x".to_owned()));
    let global = (EntryType::XGlobalHeader, &b"pax_global_header"[..], &b"13 comment=x\n"[..]);
    let named = [global, (EntryType::XHeader, b"PaxHeader", &extended), (EntryType::Regular, b"package/cut", b"x")];
    assert_eq!(name_and_text(&entries(&named)), found);
    assert_eq!(name_and_text(&entries(&[(EntryType::GNULongName, b"././@LongLink", &long), (EntryType::Regular, b"ddd", b"x")])), found);
    // A header belongs to the next entry alone, and one that is far too long names nothing.
    let once = [(EntryType::XHeader, &b"h"[..], &extended[..]), (EntryType::Symlink, b"a/b", b""), (EntryType::Regular, b"a/b", b"x")];
    assert_eq!(name_and_text(&entries(&once)), None);
    let huge = vec![b'a'; 4 << 20];
    let huge = [(EntryType::GNULongName, &b"l"[..], &huge[..]), (EntryType::Regular, b"package/README.md", b"x")];
    assert_eq!(name_and_text(&entries(&huge)), None);
}

#[test]
fn texts_of_every_kind() {
    let text = |bytes: &[u8]| read(&tarball(&[("package/README.md", bytes)])).expect("readable").map(|readme| (readme.text, readme.cut));
    assert_eq!(text(b"caf\xe9 \0x\0"), Some(("caf\u{fffd} x".to_owned(), false)));
    assert_eq!(text(b"\0\0"), None);
    let whole = "x".repeat(MAX_README);
    assert_eq!(text(whole.as_bytes()), Some((whole.clone(), false)));
    assert_eq!(text(format!("{whole}y").as_bytes()), Some((whole.clone(), true)));
    for (begin, character) in [("", "é"), ("x", "é"), ("", "\u{1f980}"), ("x", "\u{1f980}"), ("xx", "\u{1f980}"), ("xxx", "\u{1f980}")] {
        let long = format!("{begin}{}", character.repeat(MAX_README / character.len() + 1));
        let (kept, cut) = text(long.as_bytes()).expect("a README");
        assert!(cut && long.starts_with(&kept) && MAX_README - kept.len() < character.len(), "{} of {character}", kept.len());
    }
    let (replaced, cut) = text(&vec![0xff; MAX_README]).expect("a README");
    assert!(cut && replaced.len() <= MAX_README && replaced.chars().all(|c| c == '\u{fffd}'));
}

#[test]
fn damage_is_an_error() {
    let mut random = fastrand::Rng::with_seed(3);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(200_000).collect();
    let good = tarball(&[("package/README.md", b"# x"), ("package/noise", &noise)]);
    assert!(read(&good).expect("readable").is_some());
    for length in [0, 1, 10, 1_000, good.len() / 2, good.len() - 9, good.len() - 1] {
        let error = read(&good[..length]).expect_err("cut");
        assert!(matches!(error, Error::Tarball { .. }) && error.to_string().contains("x.tgz"), "{length}: {error}");
    }
    let mut changed = good.clone();
    let middle = good.len() / 2;
    changed[middle..middle + 8].fill(0x55);
    read(&changed).expect_err("another hash");
    read(b"no gzip").expect_err("no gzip");
    read(&zipped(&[b'x'; 2_000])).expect_err("no tar");
    // What follows a whole file belongs to nobody.
    assert!(read(&[&good[..], &[0; 512]].concat()).expect("readable").is_some());
    let missing = read_readme(Path::new("/nowhere/x.tgz")).expect_err("no file");
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
}
