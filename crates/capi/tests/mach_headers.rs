//! The Mach headers: each one alone, all of them in any order, and beside others; layouts and values.

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use support::{Compiler, Language, Link, Source, root};

/// A source that includes these, and is gone with its file when it is dropped.
struct Includes {
    path: PathBuf,
}

impl Includes {
    fn of<'a>(name: &str, headers: impl IntoIterator<Item = &'a str>) -> Self {
        let path = env::temp_dir().join(format!("pagewright-{}-includes-{name}.c", std::process::id()));
        let lines = headers.into_iter().map(|header| format!("#include <{header}>\n"));
        let text = lines.chain(["int main(void) { return 0; }\n".to_owned()]).collect::<String>();
        fs::write(&path, text).expect("a temporary file");
        Self { path }
    }

    /// It compiles as every language, by every compiler that is here.
    fn check(&self, test: &str) {
        for language in Language::ALL {
            for compiler in [Compiler::Gcc, Compiler::Clang] {
                self.check_as(language, compiler, test);
            }
        }
    }

    fn check_as(&self, language: Language, compiler: Compiler, test: &str) {
        if !compiler.is_there(language, test) {
            return;
        }
        let source = Source::at(self.path.clone()).language(language).compiler(compiler);
        let output = source.with(["-pedantic"]).check();
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler:?} {language:?}\n{text}\n{said}");
    }
}

impl Drop for Includes {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The headers below `mach`, as sources write them.
fn headers() -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec!["mach".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join("include/compat").join(&folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let name = format!("{folder}/{name}");
            if path.is_dir() { folders.push(name) } else { all.push(name) }
        }
    }
    all.sort();
    all
}

/// The strictest of each; all of them see the headers together.
#[test]
fn every_header_compiles_alone_and_twice() {
    let test = "every_header_compiles_alone_and_twice";
    for header in headers() {
        let name = Path::new(&header).with_extension("").to_string_lossy().replace('/', "-");
        let source = Includes::of(&name, [header.as_str(), header.as_str()]);
        source.check_as(Language::C99, Compiler::Gcc, test);
        source.check_as(Language::Cpp17, Compiler::Clang, test);
    }
}

#[test]
fn headers_compile_in_any_order() {
    let headers = headers();
    let seed = std::process::id();
    eprintln!("seed {seed}");
    let mut state = u64::from(seed) | 1;
    for round in 0..3 {
        let mut order: Vec<&str> = headers.iter().map(String::as_str).collect();
        for place in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(place, (state >> 33) as usize % (place + 1));
        }
        Includes::of(&format!("order{round}"), order).check("headers_compile_in_any_order");
    }
}

#[test]
fn headers_go_with_those_of_win32_of_windows_ce_and_of_the_system() {
    let others = [
        "stdio.h",
        "stdlib.h",
        "string.h",
        "unistd.h",
        "signal.h",
        "pthread.h",
        "errno.h",
        "sys/mman.h",
        "sys/types.h",
        "sys/user.h",
        "sys/wait.h",
        "sys/procfs.h",
    ];
    let compat = ["windows.h", "winternl.h", "pkfuncs.h", "ceddk.h"];
    let mach = ["mach/mach.h", "mach/mach_vm.h", "mach/vm_param.h"];
    for (name, order) in [
        ("mach-first", [&mach[..], &compat, &others].concat()),
        ("mach-last", [&others[..], &compat, &mach].concat()),
        ("mach-between", [&compat[..], &mach, &others].concat()),
    ] {
        Includes::of(name, order).check("headers_go_with_those_of_win32_of_windows_ce_and_of_the_system");
    }
}

#[test]
fn layouts_and_values_are_those_of_64_bit_mach() {
    for language in Language::ALL {
        for compiler in [Compiler::Gcc, Compiler::Clang] {
            if !compiler.is_there(language, "layouts_and_values_are_those_of_64_bit_mach") {
                continue;
            }
            let source = Source::test("mach_layout.c").language(language).compiler(compiler);
            let output = source.link(Link::Nothing).with(["-pedantic"]).check();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler:?} {language:?}\n{said}");
        }
    }
}
