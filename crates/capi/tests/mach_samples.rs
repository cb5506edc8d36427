//! Sources as they are written for macOS: they compile as they are, by gcc and clang, as C and C++, and work.

mod support;

use support::{Compiler, Language, Source};

fn run(name: &str, test: &str) -> Vec<String> {
    let mut said = Vec::new();
    for (language, compiler) in [
        (Language::C99, Compiler::Gcc),
        (Language::C11, Compiler::Clang),
        (Language::Cpp17, Compiler::Gcc),
        (Language::Cpp17, Compiler::Clang),
    ] {
        if compiler.is_there(language, test) {
            said.push(Source::test(name).language(language).compiler(compiler).build().run());
        }
    }
    said
}

#[test]
fn a_collector_with_a_write_barrier() {
    for said in run("mach_gc.c", "a_collector_with_a_write_barrier") {
        assert_eq!(said, "32768 objects, 8 cycles\n");
    }
}

#[test]
fn a_ring_buffer_that_is_mapped_twice() {
    for said in run("mach_ring.c", "a_ring_buffer_that_is_mapped_twice") {
        assert_eq!(said, "1000000 bytes\n");
    }
}

#[test]
fn a_table_with_snapshots() {
    for said in run("mach_snapshot.c", "a_table_with_snapshots") {
        assert_eq!(said, "3 versions of 131072 records\n");
    }
}
