//! The programs under AddressSanitizer and under valgrind: no complaint, without suppressions.
//!
//! Some of them each time; all of them, those of `tests/c` included, with
//! `PAGEWRIGHT_CHECKERS=all`. What the two cannot do with memory like ours is in
//! docs/c-library.md; what a program meets of that stands beside it here.

mod support;

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use support::{Compiler, Language, Source, is_installed, root};

/// A program, and what it is called with.
type Run = (&'static str, &'static [&'static str]);

/// The examples, with little to do.
const EXAMPLES: [Run; 6] = [
    ("growable_array.c", &["20000"]),
    ("jit_two_views.c", &[]),
    ("ring_buffer.c", &["2000"]),
    ("gc_write_watch.c", &["20000"]),
    ("call_into_process.c", &[]),
    ("scoreboard.c", &[]),
];

/// The tests in C that are run each time.
const UNDER_SANITIZERS: [&str; 4] =
    ["native_memory.c", "native_bad.c", "native_guards.c", "native_process.c"];
const UNDER_VALGRIND: [&str; 2] = ["native_bad.c", "hdr_modules.c"];

/// Tests in C that are not programs by themselves, or are told by others what to do.
const TOLD_WHAT_TO_DO: [&str; 5] =
    ["except_lazy.c", "except_left.c", "except_unhandled.c", "ce_driver.c", "hdr_large_pages.c"];

/// What valgrind cannot run, and why.
const NOT_UNDER_VALGRIND: [(&str, &str); 16] = [
    ("base_bad.c", OTHERS),
    ("call_into_process.c", OTHERS),
    ("scoreboard.c", OTHERS),
    ("native_process.c", OTHERS),
    ("ce_bad.c", OTHERS),
    ("ce_process.c", OTHERS),
    ("mach_tasks.c", OTHERS),
    ("native_guards.c", FAULTS),
    ("except_chain.c", FAULTS),
    ("except_vectored.c", FAULTS),
    ("hdr_commit_on_demand.c", FAULTS),
    ("except_fork.c", "its many forks take minutes"),
    ("mach_faults.c", "the signal that Mach's faults become ends it"),
    ("mach_gc.c", "the signal that Mach's faults become ends it"),
    ("native_frames.c", FRAMES),
    ("hdr_awe.c", FRAMES),
];
const FRAMES: &str = "it refuses the mremap that maps frames";
const OTHERS: &str = "it lacks pidfd_open, so that no other process can be opened";
const FAULTS: &str = "it reports accesses that are meant to fault";

/// The programs of this turn: the examples, and these tests or all of them.
fn programs(tests: &[&'static str]) -> Vec<(Source, Run)> {
    let tests = match env::var("PAGEWRIGHT_CHECKERS").as_deref() {
        Ok("all") => every_test().into_iter().filter(|name| !TOLD_WHAT_TO_DO.contains(name)).collect(),
        Ok(_) | Err(_) => tests.to_vec(),
    };
    let tests = tests.into_iter().map(|name| (Source::test(name), (name, [].as_slice())));
    EXAMPLES.into_iter().map(|run| (Source::example(run.0), run)).chain(tests).collect()
}

/// Every program below `tests/c`.
fn every_test() -> Vec<&'static str> {
    let folder = root().join("crates/capi/tests/c");
    let names = fs::read_dir(folder).expect("the tests").map(|entry| entry.expect("a test").file_name());
    let sources = names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".c"));
    sources.map(|name| &*name.leak()).collect()
}

/// Does the same with all programs, a few at a time; panics with what was said of those that fail.
fn each(programs: Vec<(Source, Run)>, check: impl Fn(&Source, Run) -> Result<(), String> + Sync) {
    let (left, failed) = (Mutex::new(programs), Mutex::new(Vec::new()));
    let work = || {
        while let Some((source, run)) = { left.lock().expect("no panic").pop() } {
            if let Err(said) = check(&source, run) {
                failed.lock().expect("no panic").push(format!("{}:\n{said}", run.0));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// What a command said unless it ended with 0.
fn clean(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("a program to run");
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{}\n{out}\n{err}", output.status))
}

#[test]
fn programs_are_clean_under_address_sanitizer() {
    let test = "programs_are_clean_under_address_sanitizer";
    if !Compiler::Gcc.is_there(Language::C11, test) || !has_sanitizers() {
        eprintln!("{test}: not run, since gcc has no AddressSanitizer here");
        return;
    }
    each(programs(&UNDER_SANITIZERS), |source, (name, arguments)| {
        let mut flags = vec!["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
        if name.ends_with("_bad.c") {
            // Misaligned structures are what they are about.
            flags.push("-fno-sanitize=alignment");
        }
        let program = source.clone().compiler(Compiler::Gcc).with(flags).build();
        // Programs that end by a fault shall do so.
        let options = "handle_segv=0:handle_sigbus=0:detect_leaks=1";
        clean(program.command().args(arguments).env("ASAN_OPTIONS", options))
    });
}

/// Whether a program can be linked to the sanitizers' libraries.
fn has_sanitizers() -> bool {
    let path = env::temp_dir().join(format!("pagewright-{}-sanitizers", std::process::id()));
    let source = path.with_extension("c");
    fs::write(&source, "int main(void) { return 0; }\n").expect("a file");
    let mut gcc = Command::new("gcc");
    let built = gcc.arg("-fsanitize=address,undefined").arg(&source).arg("-o").arg(&path).output();
    let _ = fs::remove_file(&source);
    let _ = fs::remove_file(&path);
    built.is_ok_and(|output| output.status.success())
}

#[test]
fn programs_are_clean_under_valgrind() {
    let test = "programs_are_clean_under_valgrind";
    if !is_installed("valgrind", test) || !Compiler::Gcc.is_there(Language::C11, test) {
        return;
    }
    each(programs(&UNDER_VALGRIND), |source, (name, arguments)| {
        if let Some((_, why)) = NOT_UNDER_VALGRIND.iter().find(|(excepted, _)| *excepted == name) {
            eprintln!("{test}: not run: {name}: {why}");
            return Ok(());
        }
        let program = source.clone().compiler(Compiler::Gcc).build();
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        valgrind.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
        // Faults are served and the access made again; code is written through another view.
        valgrind.args(["--vex-iropt-register-updates=allregs-at-mem-access", "--smc-check=all"]);
        let library = program.command();
        let path = library.get_envs().find(|(name, _)| *name == "LD_LIBRARY_PATH").and_then(|(_, path)| path);
        valgrind.env("LD_LIBRARY_PATH", path.expect("the folder of the library"));
        clean(valgrind.arg(program.path()).args(arguments))
    });
}
