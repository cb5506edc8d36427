//! Exceptions through the C library.

mod support;

use std::os::unix::process::ExitStatusExt;

use support::{Compiler, Language, Link, Source, succeed};

#[test]
fn vectored_handlers_serve_c_and_cpp() {
    for language in Language::ALL {
        Source::test("except_vectored.c").language(language).build().run();
    }
    for link in [Link::Shared, Link::Static] {
        Source::test("except_vectored.c").with(["-O2"]).link(link).build().run();
    }
    if Compiler::Clang.is_there(Language::C11, "vectored_handlers_serve_c_and_cpp") {
        Source::test("except_vectored.c").compiler(Compiler::Clang).with(["-O2"]).build().run();
    }
}

#[test]
fn what_nobody_handles_ends_the_process_by_a_signal() {
    let program = Source::test("except_unhandled.c").build();
    for (what, signal, said) in [
        ("access", 11, ""),
        ("+access", 11, "0xc0000005\n"),
        ("guard", 11, ""),
        ("+guard", 11, "0x80000001\n"),
        ("raised-access", 11, ""),
        ("raised", 6, ""),
        ("+raised", 6, "0xe0424242\n"),
    ] {
        let output = program.command().arg(what).output().expect("it runs");
        assert_eq!(output.status.signal(), Some(signal), "{what}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{what}");
        let sentence = String::from_utf8_lossy(&output.stderr);
        assert_eq!(sentence.starts_with("pagewright: nobody handled the exception 0xe0424242"), signal == 6);
    }
}

#[test]
fn handlers_of_the_program_keep_working() {
    for language in [Language::C11, Language::Cpp17] {
        Source::test("except_chain.c").language(language).build().run();
    }
}

#[test]
fn the_signal_is_left_alone() {
    let program = Source::test("except_left.c").build();
    succeed(program.command().env("PAGEWRIGHT_SIGSEGV", "leave"));
    succeed(program.command().arg("by the call"));
    let used = program.command().output().expect("it runs");
    assert!(!used.status.success(), "without the switch ours is there");
}
