//! How programs are linked, and what they get for arguments that nobody gives on purpose.

mod support;

use std::process::Command;

use support::{Language, Link, Source, is_installed, library, root, succeed};

#[test]
fn bad_arguments_get_the_documented_code() {
    for (language, link) in [(Language::C11, Link::Shared), (Language::Cpp17, Link::Static)] {
        let output = Source::test("base_bad.c").language(language).link(link).build().run();
        assert_eq!(output, "no crash\n", "{language:?}, {link:?}");
    }
}

/// The line that the documentation gives, word for word, in a folder of nothing else.
#[test]
fn the_documented_line_links() {
    let program = std::env::temp_dir().join(format!("pagewright-line-{}", std::process::id()));
    let source = root().join("crates/capi/tests/c/base_bad.c");
    let mut line = Command::new("cc");
    line.arg(source).arg("-I").arg(root().join("include/compat")).arg("-L").arg(library());
    succeed(line.args(["-lpagewright", "-lpthread", "-ldl", "-lm", "-o"]).arg(&program));
    let said = succeed(Command::new(&program).env("LD_LIBRARY_PATH", library()));
    std::fs::remove_file(&program).expect("just built");
    assert_eq!(said, "no crash\n");
}

#[test]
fn the_library_says_what_it_is() {
    let test = "the_library_says_what_it_is";
    if !is_installed("readelf", test) {
        return;
    }
    let said = succeed(Command::new("readelf").arg("-d").arg(library().join("libpagewright.so")));
    assert!(said.contains("[libpagewright.so.0.1]"), "{said}");
    assert!(said.contains("NODELETE"), "{said}");
    let link = library().join("libpagewright.so.0.1");
    assert!(link.exists(), "programs ask for {}", link.display());
}
