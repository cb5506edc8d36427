//! Records what Wine answers to the generated calls of `crates/capi/tests/differential`.
//!
//! ```text
//!   cargo xtask wine                writes the recording and the table in docs/differential.md
//!   cargo xtask wine --check        compares a fresh run with the recording
//!   cargo xtask wine --seed N       prints what Wine and the library answer to one seed
//!   cargo xtask wine --table        writes the table in docs/differential.md only
//! ```

mod build;
#[allow(dead_code, reason = "the test that compares uses the rest")]
#[path = "../../crates/capi/tests/differential/record.rs"]
mod record;
mod run;
mod table;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use record::SEEDS;
use run::Wine;

/// How many seeds one call of Wine is given: progress is shown between them.
const PORTION: u32 = 100;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            write(&compress(&fresh()?)?)?;
            table::write()
        }
        ["--check"] => check(),
        ["--seed", seed] => show(seed.parse().map_err(|_| format!("{seed} is no seed"))?),
        ["--table"] => table::write(),
        _ => Err("the arguments are none, --check, --seed N or --table".into()),
    }
}

/// What Wine answers now, as it is recorded.
fn fresh() -> Result<String, String> {
    let wine = Wine::start()?;
    let mut answers = String::new();
    for first in (0..SEEDS).step_by(PORTION as usize) {
        let last = (first + PORTION).min(SEEDS) - 1;
        answers += &wine.answers(first, last)?;
        println!("{}: seeds 0 to {last} of {SEEDS}", wine.version());
    }
    Ok(record::write(&record::parse(&answers)?))
}

fn check() -> Result<(), String> {
    let (recorded, fresh) = (recorded()?, fresh()?);
    let mut seed = "";
    for (old, new) in recorded.lines().zip(fresh.lines()) {
        if new.starts_with("seed ") {
            seed = new;
        }
        if old != new {
            return Err(format!("{seed}: recorded\n    {old}\nnow\n    {new}"));
        }
    }
    if recorded.len() != fresh.len() {
        return Err("the recording is of another length".into());
    }
    println!("the recording is what Wine answers");
    Ok(())
}

/// What both answer to one seed, call for call.
fn show(seed: u32) -> Result<(), String> {
    let (wine, ours) = (Wine::start()?.answers(seed, seed)?, run::ours(seed)?);
    for (theirs, ours) in wine.lines().zip(ours.lines()) {
        if theirs == ours {
            println!("  {ours}");
        } else {
            println!("W {theirs}\nP {ours}");
        }
    }
    Ok(())
}

/// The folder of the program and of what is recorded of it.
fn folder() -> PathBuf {
    root().join("crates/capi/tests/differential")
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn recording() -> PathBuf {
    folder().join("wine-8.0.txt.gz")
}

fn recorded() -> Result<String, String> {
    let path = recording();
    let file = fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

fn compress(text: &str) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}

fn write(bytes: &[u8]) -> Result<(), String> {
    let path = recording();
    fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}: {} KiB; read what changed before it goes in", path.display(), bytes.len() / 1024);
    Ok(())
}
