//! Builds the resident and hands it to the library as `$OUT_DIR/resident.elf`.
//!
//! The resident is a program of its own: no std, no libc, position-independent, static.
//! It needs flags that the rest of the build must not have, so it is built by a cargo
//! of its own, for an explicit target (which keeps the flags away from build scripts)
//! and in a directory of its own (which keeps the two builds from waiting for each
//! other). Its source is found through the build dependency, so this works from a
//! checkout and from a registry alike.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use object::Endianness;
use object::elf::{FileHeader64, PT_DYNAMIC, PT_INTERP, PT_TLS, R_X86_64_RELATIVE};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

const TARGET: &str = "x86_64-unknown-linux-gnu";

const FLAGS: &[&str] = &[
    "-Cpanic=abort",
    "-Crelocation-model=pie",
    "-Ctarget-feature=+crt-static",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-static-pie",
    "-Clink-arg=-Wl,--no-dynamic-linker,-z,noexecstack,-z,norelro,--build-id=none",
    "-Copt-level=2",
    "-Ccodegen-units=1",
    "-Cstrip=symbols",
    "-Cforce-frame-pointers=no",
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let blob = out.join("resident.elf");
    let source = Path::new(pagewright_resident::MANIFEST_DIR);
    watch(source);
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if (os.as_str(), arch.as_str()) != ("linux", "x86_64") {
        // The library compiles to nothing elsewhere; it only must not fail to build.
        fs::write(&blob, []).expect("OUT_DIR is writable");
        return;
    }
    build(source, &out.join("resident"));
    let built = out.join("resident").join(TARGET).join("release/pagewright-resident");
    let bytes = fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    check(&bytes);
    fs::write(&blob, bytes).expect("OUT_DIR is writable");
}

/// Cargo runs this again when the resident, or what it is made of, changes.
fn watch(source: &Path) {
    println!("cargo::rerun-if-changed=build.rs");
    for part in ["src", "Cargo.toml", "../core/src", "../linux/src"] {
        let path = source.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

fn build(source: &Path, target_dir: &Path) {
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--features", "blob", "--bin", "pagewright-resident"])
        .args(["--target", TARGET])
        .arg("--manifest-path")
        .arg(source.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        // Inside of the outer build's directories, so that the user's cargo configuration
        // (mirrors, vendored sources, offline) is found here too.
        .current_dir(target_dir.parent().unwrap_or(target_dir))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    for (name, _) in env::vars_os() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.env("CARGO_PROFILE_RELEASE_LTO", "fat");
    let status = command.status().expect("cargo can be run");
    assert!(status.success(), "the resident did not build; the messages of its build are above");
}

/// Whether a variable belongs to the outer build and would change the inner one:
/// wrappers (clippy, coverage), profiles, target directories, instrumentation.
fn is_foreign(name: &str) -> bool {
    let names = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC", "RUSTDOC", "TARGET", "PROFILE", "OPT_LEVEL", "DEBUG"];
    let prefixes = [
        "RUSTC_W",
        "CARGO_BUILD_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MAKEFLAGS",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_UNSTABLE_",
        "CLIPPY_",
        "LLVM_PROFILE_",
        "MIRI",
        "__CARGO_",
    ];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// What the injector relies on, proven before anything is embedded.
fn check(bytes: &[u8]) {
    let header = FileHeader64::<Endianness>::parse(bytes).expect("an ELF file");
    let segments = header.program_headers(Endianness::Little, bytes).expect("program headers");
    for segment in segments {
        let kind = segment.p_type(Endianness::Little);
        assert!(kind != PT_TLS, "the resident has thread-local storage, which it must not");
        assert!(kind != PT_INTERP, "the resident wants a dynamic linker, which it must not");
    }
    assert!(
        segments.iter().any(|segment| segment.p_type(Endianness::Little) == PT_DYNAMIC),
        "the resident is not position-independent"
    );
    let sections = header.sections(Endianness::Little, bytes).expect("sections");
    assert!(
        sections.section_by_name(Endianness::Little, b".pagewright").is_some(),
        "the resident has no record by which a forked child's copy is found"
    );
    for section in sections.iter() {
        let Ok(Some((rows, _))) = section.rela(Endianness::Little, bytes) else { continue };
        let relative = rows.iter().all(|row| row.r_type(Endianness::Little, false) == R_X86_64_RELATIVE);
        assert!(relative, "the resident needs relocations that only a dynamic linker can make");
    }
}
