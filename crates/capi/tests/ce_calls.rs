//! The Windows CE calls, by programs in C, and their headers.

mod support;

use std::fs;

use support::{Compiler, Language, Link, Source, succeed};

/// Runs a program in each language; loops declare their variables, so C99 is the oldest.
fn run(name: &str, more: &[&str]) {
    for language in [Language::C99, Language::Cpp17] {
        Source::test(name).language(language).with(more.iter().copied()).build().run();
    }
}

// Rows in part: CE01 CE03 CE04 CE05 CE06 CE07 CE08 CE12 CE18 CE19
#[test]
fn the_same_pages_in_a_second_place() {
    run("ce_copy.c", &[]);
    run("ce_copy.c", &["-DUNDER_CE=600"]);
}

// Rows in part: CE09 CE10 CE11
#[test]
fn between_processes_with_the_names_of_win32() {
    run("ce_process.c", &[]);
}

#[test]
fn between_processes_compiled_for_windows_ce() {
    run("ce_process.c", &["-DUNDER_CE=600"]);
    Source::test("ce_process.c").with(["-DUNDER_CE=600"]).link(Link::Static).build().run();
}

// Rows in part: CE10
#[test]
fn kernel_mode_is_granted_until_it_is_forbidden() {
    run("ce_mode.c", &[]);
}

#[test]
fn kernel_mode_is_denied_by_the_environment() {
    let program = Source::test("ce_mode.c").build();
    succeed(program.command().arg("deny").env("PAGEWRIGHT_KERNEL_MODE", "deny"));
    let other = program.command().arg("deny").env("PAGEWRIGHT_KERNEL_MODE", "grant").output();
    assert!(!other.expect("a program to run").status.success(), "another word denies nothing");
}

#[test]
fn a_driver_for_windows_ce_as_it_is() {
    run("ce_physical.c", &["-DUNDER_CE=600"]);
}

// Rows in part: CE09 CE17
#[test]
fn bad_input() {
    run("ce_bad.c", &[]);
}

/// Each header alone, for Windows CE and for Win32.
#[test]
fn headers_compile_alone() {
    let test = "headers_compile_alone";
    for (language, compiler) in [(Language::C99, Compiler::Gcc), (Language::Cpp17, Compiler::Clang)] {
        if !compiler.is_there(language, test) {
            continue;
        }
        for header in ["pkfuncs.h", "ceddk.h", "pw_ce.h", "Pkfuncs.h", "windows.h"] {
            for target in ["-DUNDER_CE=600", "-D_WIN32_WCE=0x600", "-DWIN32"] {
                let path = std::env::temp_dir().join(format!("pagewright-{}-{header}.c", std::process::id()));
                let text =
                    format!("#include <{header}>\n#include <{header}>\nint main(void) {{ return 0; }}\n");
                fs::write(&path, text).expect("a temporary file");
                let source = Source::at(path.clone()).language(language).compiler(compiler);
                let output = source.with([target, "-pedantic"]).check();
                let _ = fs::remove_file(&path);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{header} {target} {compiler:?}\n{said}");
            }
        }
    }
}
