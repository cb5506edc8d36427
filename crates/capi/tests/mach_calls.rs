//! The Mach calls, by programs in C: what they do, and what they answer to bad input.

mod support;

use support::{Language, Link, Source};

/// Runs a program in each language. Loops declare their variables, so C99 is the oldest.
fn run(name: &str) {
    for language in [Language::C99, Language::Cpp17] {
        Source::test(name).language(language).build().run();
    }
}

// Rows in part: A1 A2 A5 A7 A8 D2 D3 D10 P2 P3 P4 P6 R3 R12 O2 L3 W6 C1 C6 C7 M7 M8 M10 V9 E3
#[test]
fn memory_of_the_own_task() {
    run("mach_memory.c");
}

#[test]
fn memory_of_the_own_task_by_the_static_library() {
    Source::test("mach_memory.c").link(Link::Static).build().run();
}

#[test]
fn codes_in_words_go_to_standard_error() {
    let output = Source::test("mach_memory.c").build().command().output().expect("a program to run");
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "vm_allocate: (os/kern) no space available (0x3)\n\
                    : (ipc/send) invalid destination port (0x10000003)\n";
    assert_eq!(said, expected);
}

// Rows in part: G1 G2 G3 G4 G5
#[test]
fn regions() {
    run("mach_regions.c");
}

// Rows in part: I2 I6 I7 I8
#[test]
fn forked_children_get_what_was_said() {
    run("mach_fork.c");
}

// Rows in part: R3 W2 W4 M7
#[test]
fn another_process() {
    run("mach_tasks.c");
}

// Rows in part: P12
#[test]
fn faults_are_the_signals_of_mach() {
    run("mach_faults.c");
}

// Rows in part: A6 A10 A11 D1 D4 R2 R9 W2 C2 C31 C32 V2 L1
#[test]
fn bad_input() {
    run("mach_bad.c");
}
