//! The native API, by way of programs in C and C++.

mod support;

use std::collections::BTreeMap;
use std::fs;

use support::{Compiler, Language, Link, Source, root};

/// A program as C99 by one compiler and as C++ by the other, if they are there.
fn run(name: &str, test: &str) {
    for (language, compiler) in [(Language::C11, Compiler::Gcc), (Language::Cpp17, Compiler::Clang)] {
        if compiler.is_there(language, test) {
            let said = Source::test(name).language(language).compiler(compiler).build().run();
            print!("{said}");
        }
    }
}

#[test]
fn every_function_does_what_it_is_for() {
    run("native_memory.c", "every_function_does_what_it_is_for");
}

#[test]
fn frames_are_mapped_into_windows() {
    run("native_frames.c", "frames_are_mapped_into_windows");
}

#[test]
fn nonsense_is_refused_with_the_documented_code() {
    run("native_bad.c", "nonsense_is_refused_with_the_documented_code");
}

#[test]
fn another_process_is_worked_on_and_handles_survive_threads_and_forks() {
    run("native_process.c", "another_process_is_worked_on_and_handles_survive_threads_and_forks");
}

#[test]
fn guards_are_told_in_order() {
    run("native_guards.c", "guards_are_told_in_order");
}

#[test]
fn sigsegv_is_left_alone_when_asked_to() {
    run("native_left.c", "sigsegv_is_left_alone_when_asked_to");
}

#[test]
fn the_static_library_does_the_same() {
    let test = "the_static_library_does_the_same";
    if Compiler::Default.is_there(Language::C11, test) {
        Source::test("native_memory.c").link(Link::Static).build().run();
    }
}

/// The header by itself, in every language, by every compiler, pedantically; and beside the
/// other faces.
#[test]
fn the_header_compiles_everywhere() {
    let folder = std::env::temp_dir();
    for (name, text) in [
        ("alone", "#include <pagewright.h>\nint main(void) { return pw_version() == 0; }\n"),
        (
            "beside",
            "#include <windows.h>\n#include <mach/mach.h>\n#include <pagewright.h>\nint main(void) { return pw_version() == 0; }\n",
        ),
    ] {
        let path = folder.join(format!("pagewright-{}-{name}.c", std::process::id()));
        fs::write(&path, text).expect("a file");
        for language in Language::ALL {
            for compiler in Compiler::ALL {
                let pedantic = if name == "alone" { "-pedantic" } else { "-Wshadow" };
                let source = Source::at(path.clone()).language(language).compiler(compiler).with([pedantic]);
                if compiler.is_there(language, "the_header_compiles_everywhere") {
                    let output = source.check();
                    let said = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{name} {language:?} {compiler:?}: {said}");
                }
            }
        }
        fs::remove_file(&path).expect("it is there");
    }
}

/// Names and numbers of the header and of the library.
#[test]
fn the_codes_of_the_header_are_those_of_the_library() {
    if !Compiler::Default.is_there(Language::C11, "the_codes_of_the_header_are_those_of_the_library") {
        return;
    }
    let said = Source::test("native_codes.c").build().run();
    let library: BTreeMap<u32, &str> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| *name != "unknown")
        .map(|(number, name)| (number.parse().expect("a number"), name))
        .collect();
    let text = fs::read_to_string(root().join("include/pagewright.h")).expect("the header");
    let (_, codes) = text.split_once("typedef enum pw_code {").expect("the codes");
    let (codes, _) = codes.split_once('}').expect("their end");
    let header: BTreeMap<u32, &str> = codes
        .lines()
        .filter_map(|line| line.trim().split_once(" = "))
        .map(|(name, rest)| {
            let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next().expect("a number");
            (digits.parse().expect("a number"), name)
        })
        .collect();
    assert_eq!(library, header);
    assert!(header.len() > 40, "{header:?}");
}

/// The version stands in two places.
#[test]
fn the_version_of_the_header_is_that_of_the_package() {
    let text = fs::read_to_string(root().join("include/pagewright.h")).expect("the header");
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("#define PW_VERSION_{name} ")).expect("the part");
        rest.lines().next().expect("a number").to_owned()
    };
    let version = [part("MAJOR"), part("MINOR"), part("PATCH")].join(".");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
