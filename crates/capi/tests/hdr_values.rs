//! Constants, sizes and offsets are those of 64-bit Windows.
//!
//! `c/hdr_values.txt` has them as another compiler's headers for Windows print them, so that
//! neither that compiler nor Windows is needed here.

mod hdr_support;
mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use hdr_support::{Snippet, dialects, text};
use support::{Link, Source, succeed};

/// An expression and its value.
fn expected() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("c/hdr_values.txt").lines();
    let pairs: Vec<_> =
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).collect();
    assert!(pairs.len() > 1200, "the list of values is short");
    pairs
}

/// Runs a program that has no use for the library.
fn run(source: Source) {
    let program = source.link(Link::Nothing).build();
    succeed(&mut Command::new(program.path()));
}

/// The smallest number cannot be written down in C.
fn literal(value: &str) -> String {
    if value == "-9223372036854775808" {
        "(-9223372036854775807LL - 1)".to_owned()
    } else {
        format!("{value}LL")
    }
}

#[test]
fn constants_sizes_and_offsets_are_those_of_windows() {
    let mut program = String::from(
        "#define WIN32_NO_STATUS\n#include <windows.h>\n#undef WIN32_NO_STATUS\n#include <ntstatus.h>\n\
         #include <winternl.h>\n#include <psapi.h>\n#include <stddef.h>\n#include <stdio.h>\n\
         static int wrong;\n\
         static void is(const char *what, long long value, long long expected)\n{\n\
         if (value != expected) { wrong = 1; fprintf(stderr, \"%s is %lld, not %lld\\n\", what, value, expected); }\n\
         }\nint main(void)\n{\n",
    );
    for (what, value) in expected() {
        writeln!(program, "is(\"{what}\", (long long)({what}), {});", literal(value)).expect("text");
    }
    let snippet = Snippet::new(&(program + "return wrong;\n}\n"));
    for (language, compiler) in dialects("constants_sizes_and_offsets_are_those_of_windows") {
        // Comparing a type's -1 with 0 is the question of some expressions.
        let more = ["-Wno-type-limits"];
        let source = Source::at(snippet.path().to_path_buf()).language(language).compiler(compiler);
        run(source.with(more));
    }
}

/// A constant that is not in the list was not compared with anything.
#[test]
fn every_constant_is_in_the_list() {
    let headers = [
        "excpt.h",
        "libloaderapi.h",
        "memoryapi.h",
        "minwinbase.h",
        "ntstatus.h",
        "winerror.h",
        "winnt_access.h",
        "winnt_exception.h",
        "winnt_memory.h",
        "winnt_status.h",
        "winternl.h",
        "winternl_memory.h",
    ];
    let listed: BTreeSet<_> = expected().into_iter().map(|(what, _)| what).collect();
    let mut missing = Vec::new();
    for header in headers {
        let text = text(header);
        missing.extend(
            text.lines().filter_map(constant).filter(|name| !listed.contains(name)).map(str::to_owned),
        );
    }
    // Texts, not numbers.
    missing.retain(|name| !(name.starts_with("SE_") && name.ends_with("_NAME")));
    assert!(missing.is_empty(), "not compared: {missing:?}");
}

/// The name that a line defines, if it is one in capitals with a value.
fn constant(line: &str) -> Option<&str> {
    let (name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
    let is_capital = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    (name.chars().all(is_capital) && !value.is_empty()).then_some(name)
}

/// Bit-fields have no offsets; the program sets each, and looks at the word.
#[test]
fn structures_are_laid_out_as_on_windows() {
    for (language, compiler) in dialects("structures_are_laid_out_as_on_windows") {
        run(Source::test("hdr_layout.c").language(language).compiler(compiler));
    }
}
