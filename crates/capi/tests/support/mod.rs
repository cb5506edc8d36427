//! Builds the library as users do, compiles C and C++ against it, and runs the result.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part, from outside of this module")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a source is compiled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    C99,
    C11,
    Cpp17,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::C99, Self::C11, Self::Cpp17];

    fn flags(self) -> [&'static str; 3] {
        match self {
            Self::C99 => ["-std=gnu99", "-x", "c"],
            Self::C11 => ["-std=gnu11", "-x", "c"],
            Self::Cpp17 => ["-std=gnu++17", "-x", "c++"],
        }
    }
}

/// Who compiles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// `cc` and `c++`, or what `CC` and `CXX` say.
    Default,
    Gcc,
    Clang,
}

impl Compiler {
    pub const ALL: [Self; 3] = [Self::Default, Self::Gcc, Self::Clang];

    pub fn program(self, language: Language) -> String {
        let is_c = language != Language::Cpp17;
        let (variable, default) = if is_c { ("CC", "cc") } else { ("CXX", "c++") };
        match self {
            Self::Default => env::var(variable).unwrap_or_else(|_| default.to_owned()),
            Self::Gcc => if is_c { "gcc" } else { "g++" }.to_owned(),
            Self::Clang => if is_c { "clang" } else { "clang++" }.to_owned(),
        }
    }

    /// Whether it is there. If not, says so in the name of the test.
    pub fn is_there(self, language: Language, test: &str) -> bool {
        is_installed(&self.program(language), test)
    }
}

/// Whether a program can be run. If not, says so in the name of the test.
pub fn is_installed(program: &str, test: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("{test}: not run, since there is no `{program}` here");
    }
    there
}

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the folder of the project")
}

/// Where cargo leaves what it builds for the profile of this test.
fn built() -> PathBuf {
    let test = env::current_exe().expect("the path of this program");
    test.ancestors().nth(2).expect("a folder of cargo's").to_path_buf()
}

/// The folder that holds `libpagewright.so` and `.a`, up to date. Cargo does not build a
/// library for tests that no Rust program can link to, so it is asked to.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = built();
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "pagewright-capi"]).current_dir(root());
        cargo.arg("--target-dir").arg(folder.parent().expect("a folder above"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let output = cargo.output().expect("cargo");
        assert!(output.status.success(), "the library: {}", String::from_utf8_lossy(&output.stderr));
        folder
    })
}

/// Which form of the library a program is linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Shared,
    Static,
    /// Not at all: compiled only, or loaded by `dlopen`.
    Nothing,
}

/// A source to compile.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    pub language: Language,
    pub compiler: Compiler,
    pub link: Link,
    more: Vec<String>,
}

impl Source {
    /// A file below `tests/c`, as C11, linked to the shared library.
    pub fn test(name: &str) -> Self {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name))
    }

    /// A file below `examples/c`.
    pub fn example(name: &str) -> Self {
        Self::at(root().join("examples/c").join(name))
    }

    pub fn at(path: PathBuf) -> Self {
        let (language, compiler, link) = (Language::C11, Compiler::Default, Link::Shared);
        Self { path, language, compiler, link, more: Vec::new() }
    }

    pub fn language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    pub fn compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    pub fn link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// More arguments of the compiler.
    pub fn with<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.more.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// The compiler with its arguments, but for the output.
    fn command(&self) -> Command {
        let mut command = Command::new(self.compiler.program(self.language));
        command.args(self.language.flags()).args(["-Wall", "-Wextra", "-Werror", "-g"]);
        for folder in ["include", "include/compat"] {
            command.arg("-I").arg(root().join(folder));
        }
        command.args(&self.more).arg(&self.path);
        command
    }

    /// Whether it is correct; what the compiler says.
    pub fn check(&self) -> Output {
        self.command().arg("-fsyntax-only").output().expect("a compiler")
    }

    /// Compiles and links it; panics with what the compiler says.
    pub fn build(&self) -> Program {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let stem = self.path.file_stem().and_then(OsStr::to_str).unwrap_or("program").to_owned();
        let path = env::temp_dir().join(format!("pagewright-{}-{number}-{stem}", std::process::id()));
        let program = Program { path };
        let mut command = self.command();
        command.arg("-o").arg(&program.path).args(["-x", "none"]);
        match self.link {
            Link::Shared => {
                command.arg("-L").arg(library()).arg("-lpagewright");
            }
            Link::Static => {
                command.arg(library().join("libpagewright.a"));
            }
            Link::Nothing => {}
        }
        let output = command.args(["-lpthread", "-ldl", "-lm"]).output().expect("a compiler");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}\n{said}");
        program
    }
}

/// A program that was built; its file goes with it.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To be run with the library in reach.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env("LD_LIBRARY_PATH", library());
        command
    }

    /// Runs it; panics unless it ends with 0. Answers what it wrote.
    pub fn run(&self) -> String {
        succeed(&mut self.command())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Runs a command; panics with what it said unless it ends with 0.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("a program to run");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}
