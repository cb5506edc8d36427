//! Calls that are reached by name.

mod support;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use support::{Compiler, Language, Link, Source, root};

#[test]
fn newer_calls_are_reached_by_name() {
    for language in Language::ALL {
        for compiler in [Compiler::Gcc, Compiler::Clang] {
            if compiler.is_there(language, "newer_calls_are_reached_by_name") {
                let program = Source::test("hdr_modules.c").language(language).compiler(compiler).build();
                let said = program.run();
                let path = fs::canonicalize(program.path()).expect("it was built");
                assert!(said.lines().any(|line| path.as_os_str() == line), "{said}");
                said.lines().filter(|line| line.starts_with("not run")).for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

/// A program that has the library inside has no symbols that could be asked for.
#[test]
fn newer_calls_are_reached_by_name_without_the_shared_library() {
    Source::test("hdr_modules.c").link(Link::Static).build().run();
}

/// The names that `headers` declare.
fn listed() -> Vec<String> {
    let folder = root().join("include/compat");
    let entries = fs::read_dir(folder).expect("the headers").map(|entry| entry.expect("an entry").path());
    // What Windows CE alone has is reached by including its headers.
    let ours = |name: &str| !["pkfuncs.h", "ceddk.h", "pw_ce.h"].contains(&name);
    let headers: String = entries
        .filter(|path| path.is_file() && path.file_name().is_some_and(|name| ours(&name.to_string_lossy())))
        .map(|path| fs::read_to_string(path).expect("a header"))
        .collect();
    let is_declared = |name: &str| {
        ["WINAPI ", "NTAPI ", "DECLSPEC_NORETURN void WINAPI "]
            .iter()
            .any(|word| headers.contains(&format!("{word}{name}(")))
    };
    let symbols = fs::read_to_string(root().join("crates/capi/symbols.txt")).expect("the list");
    symbols.lines().filter(|name| is_declared(name)).map(str::to_owned).collect()
}

#[test]
fn every_exported_call_is_found_by_its_name() {
    let names = listed();
    assert!(names.len() > 150, "few names were found: {}", names.len());
    let program = Source::test("hdr_procedures.c").build();
    let mut child =
        program.command().stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has one");
    stdin.write_all(names.join("\n").as_bytes()).expect("it reads them");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "not found: {}", String::from_utf8_lossy(&output.stderr));
}
