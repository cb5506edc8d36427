//! Runs the program: under Wine, in a folder of its own that is gone afterwards, or on Linux.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::build;

/// Where Debian puts the program that its package `wine64` brings.
const LOADERS: [&str; 3] = ["/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/local/bin/wine64"];
const SERVERS: [&str; 3] = ["/usr/lib/wine/wineserver64", "/usr/bin/wineserver", "/usr/local/bin/wineserver"];

/// A Wine with a fresh folder of settings, and the program for it.
#[derive(Debug)]
pub(super) struct Wine {
    folder: PathBuf,
    loader: &'static str,
    version: String,
}

impl Wine {
    /// Makes the folder; takes some seconds.
    pub(super) fn start() -> Result<Self, String> {
        let loader = found(&LOADERS).ok_or("no wine64 here (Debian: wine64)")?;
        let folder = std::env::temp_dir().join(format!("pagewright-wine-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut wine = Self { folder, loader, version: String::new() };
        build::for_windows(&wine.program())?;
        println!("making a folder of settings for Wine");
        wine.version = wine.say(&["--version"])?.trim().to_owned();
        wine.say(&["wineboot", "-i"])?;
        Ok(wine)
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// What the program prints for these seeds.
    pub(super) fn answers(&self, first: u32, last: u32) -> Result<String, String> {
        let program = self.program();
        let program = program.to_str().ok_or("the folder for temporary files has an odd name")?;
        self.say(&[program, &first.to_string(), &last.to_string()])
    }

    fn program(&self) -> PathBuf {
        self.folder.join("calls.exe")
    }

    fn say(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.loader);
        command.args(arguments).stderr(Stdio::null());
        output(self.settings(&mut command))
    }

    /// Nobody else's settings, and no desktop.
    fn settings<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINEDEBUG", "-all").env("WINEPREFIX", self.folder.join("prefix"));
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml=").env_remove("DISPLAY")
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        if let Some(server) = found(&SERVERS) {
            for option in ["-k", "-w"] {
                let _ = self.settings(Command::new(server).arg(option)).status();
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn found(paths: &[&'static str]) -> Option<&'static str> {
    paths.iter().find(|path| Path::new(path).exists()).copied()
}

/// What the program prints with the library.
pub(super) fn ours(seed: u32) -> Result<String, String> {
    let library = build::library()?;
    let program = std::env::temp_dir().join(format!("pagewright-calls-{}", std::process::id()));
    build::for_linux(&program, &library)?;
    let seed = seed.to_string();
    let said = output(Command::new(&program).args([&seed, &seed]).env("LD_LIBRARY_PATH", &library));
    let _ = fs::remove_file(&program);
    said
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed ({})", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
