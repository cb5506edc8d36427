//! Sources as Windows code bases have them compile unchanged, and do what they do there.

mod support;

use support::{Compiler, Language, Link, Source, succeed};

/// Compiles a sample in every dialect, and runs it once for each language. Answers what it said.
fn runs(name: &str, test: &str) -> Vec<String> {
    let mut said = Vec::new();
    for language in Language::ALL {
        let source = Source::test(name).language(language);
        for compiler in [Compiler::Gcc, Compiler::Clang] {
            if compiler.is_there(language, test) {
                let output = source.clone().compiler(compiler).check();
                assert!(output.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        said.push(source.build().run());
    }
    for line in said.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("not run")) {
        eprintln!("{test}: {line}");
    }
    said
}

#[test]
fn a_growable_array() {
    assert!(runs("hdr_growable.c", "a_growable_array").iter().all(|said| said == "sum 499999500000\n"));
}

#[test]
fn a_walk_over_the_address_space() {
    for said in runs("hdr_walker.c", "a_walk_over_the_address_space") {
        assert!(said.contains(" Commit ") && said.contains(" Image ") && said.contains("R--+G"), "{said}");
    }
}

#[test]
fn a_guard_page() {
    runs("hdr_guard.c", "a_guard_page");
}

#[test]
fn pages_that_are_committed_when_touched() {
    let said = runs("hdr_commit_on_demand.c", "pages_that_are_committed_when_touched");
    assert!(said.iter().all(|said| said == "80 pages\n"), "{said:?}");
}

/// A sample that needs the privilege to lock pages says so, and ends well, where it is denied.
fn gives_way_without_the_privilege(name: &str) {
    let program = Source::test(name).build();
    let said = succeed(program.command().env("PAGEWRIGHT_LOCK_PAGES", "deny"));
    assert!(said.contains("may not have the privilege"), "{said}");
}

#[test]
fn large_pages_with_their_privilege() {
    runs("hdr_large_pages.c", "large_pages_with_their_privilege");
    gives_way_without_the_privilege("hdr_large_pages.c");
}

#[test]
fn physical_pages_behind_a_window() {
    runs("hdr_awe.c", "physical_pages_behind_a_window");
    gives_way_without_the_privilege("hdr_awe.c");
}

/// The source declares the calls itself, as it must on Windows.
#[test]
fn the_nt_layer() {
    runs("hdr_nt.c", "the_nt_layer");
}

#[test]
fn classes_over_the_calls() {
    let test = "classes_over_the_calls";
    let source = Source::test("hdr_classes.cpp").language(Language::Cpp17);
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        if compiler.is_there(Language::Cpp17, test) {
            source.clone().compiler(compiler).build().run();
            source.clone().compiler(compiler).with(["-std=gnu++20", "-O2"]).build().run();
        }
    }
}

/// Programs that have no use for the library: what the headers bring along themselves.
fn runs_alone(name: &str, test: &str, more: &[&str]) {
    for language in Language::ALL {
        for compiler in [Compiler::Gcc, Compiler::Clang] {
            if compiler.is_there(language, test) {
                let source = Source::test(name).language(language).compiler(compiler).link(Link::Nothing);
                let program = source.with(more.iter().copied()).build();
                succeed(&mut std::process::Command::new(program.path()));
            }
        }
    }
}

#[test]
fn interlocked_operations() {
    runs_alone("hdr_interlocked.c", "interlocked_operations", &[]);
    runs_alone("hdr_interlocked.c", "interlocked_operations", &["-O2"]);
}

#[test]
fn words_and_macros() {
    runs_alone("hdr_words.c", "words_and_macros", &[]);
    runs_alone("hdr_words.c", "words_and_macros", &["-O2", "-DUNICODE", "-fshort-wchar"]);
}

#[test]
fn a_view_of_a_file() {
    runs("hdr_file.c", "a_view_of_a_file");
}
