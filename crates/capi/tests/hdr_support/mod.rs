//! What the tests of the Win32 headers share: the headers themselves, and short sources.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part, from outside of this module")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use crate::support::{Compiler, Language, Source, root};

/// Warnings that the headers, and whoever includes them, can have switched on.
pub const STRICT: [&str; 5] = ["-pedantic", "-Wconversion", "-Wundef", "-Wstrict-aliasing", "-Wcast-align"];

/// The folder of the compat headers.
pub fn folder() -> PathBuf {
    root().join("include/compat")
}

/// Headers of the Windows CE family.
const OF_CE: [&str; 3] = ["ceddk.h", "pkfuncs.h", "pw_ce.h"];

/// The Win32 headers by the names that documents give them, without other spellings.
pub fn headers() -> Vec<String> {
    let mut names: Vec<_> = all()
        .into_iter()
        .filter(|name| {
            name.chars().all(|letter| !letter.is_ascii_uppercase()) && !OF_CE.contains(&name.as_str())
        })
        .collect();
    names.sort();
    assert!(names.len() > 20, "the headers are not where they are looked for");
    names
}

/// The other spellings.
pub fn spellings() -> Vec<String> {
    all().into_iter().filter(|name| name.chars().any(|letter| letter.is_ascii_uppercase())).collect()
}

fn all() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the headers").map(|entry| entry.expect("an entry").path());
    let name = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    entries.filter(|path| path.is_file()).map(name).collect()
}

/// The text of a header, without comments.
pub fn text(header: &str) -> String {
    let text = fs::read_to_string(folder().join(header)).expect("a header");
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| code + part.split_once("*/").map_or("", |(_, rest)| rest))
}

/// The functions that the headers declare: those that follow `WINAPI` or `NTAPI` in a declaration.
pub fn declared() -> BTreeSet<String> {
    let headers = headers();
    let code: String = headers.iter().map(|header| text(header)).collect();
    code.split(';').filter_map(function).map(str::to_owned).collect()
}

fn function(statement: &str) -> Option<&str> {
    let (before, after) = ["WINAPI ", "NTAPI "].iter().find_map(|word| statement.split_once(word))?;
    let name = after.split('(').next()?.trim();
    let is_pointer =
        before.trim_end().ends_with('(') || name.starts_with('*') || before.contains("#define WINAPI");
    (!is_pointer && name.chars().all(|letter| letter.is_ascii_alphanumeric())).then_some(name)
}

/// A source of a few lines.
#[derive(Debug)]
pub struct Snippet {
    path: PathBuf,
}

impl Snippet {
    pub fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("pagewright-{}-hdr-{number}.c", std::process::id()));
        fs::write(&path, text).expect("a file");
        Self { path }
    }

    /// What includes these, in this order.
    pub fn including<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let lines: String = headers.into_iter().map(|header| format!("#include <{header}>\n")).collect();
        Self::new(&(lines + "int something;\n"))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compiles it without linking, under every warning; panics with what the compiler says.
    pub fn check(&self, language: Language, compiler: Compiler, more: &[&str]) {
        let standard = match language {
            Language::C99 => "-std=c99",
            Language::C11 => "-std=c11",
            Language::Cpp17 => "-std=c++17",
        };
        let source = Source::at(self.path.clone()).language(language).compiler(compiler);
        let output = source.with([standard]).with(STRICT).with(more.iter().copied()).check();
        let said = String::from_utf8_lossy(&output.stderr);
        let what = fs::read_to_string(&self.path).unwrap_or_default();
        assert!(output.status.success(), "{language:?}, {compiler:?}, {more:?}:\n{what}\n{said}");
    }
}

impl Drop for Snippet {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The compilers that are there, with every language.
pub fn dialects(test: &str) -> Vec<(Language, Compiler)> {
    let compilers = [Compiler::Gcc, Compiler::Clang];
    let pairs = Language::ALL.into_iter().flat_map(|language| compilers.map(|compiler| (language, compiler)));
    pairs.filter(|(language, compiler)| compiler.is_there(*language, test)).collect()
}
