//! `read` and `write`: bytes across the border.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use pagewright::{Guard, Memory, Process, State, win32};
use serde_json::{Value, json};

use crate::args;
use crate::cmd::{Names, open, usual};
use crate::fail::Fail;
use crate::out::{Answer, Form, Out, paint};
use crate::render::{DIM, GOOD, OURS, count, exact, hex};

/// How much is held at a time: what is asked for may be more than there is memory.
const CHUNK: u64 = 1 << 20;
/// Bytes in a row of a dump.
const ROW: usize = 16;

pub(crate) fn read(args: &args::Read, out: Out) -> Result<(), Fail> {
    let process = open(args.pid)?;
    match (&args.out, out.form) {
        (Some(path), _) if path == Path::new("-") => copy_to_output(&process, args, out),
        (Some(path), Form::Json) => {
            let mut hex = Hex::default();
            let size = copy_to_file(&process, args, path, &mut |bytes| hex.push(bytes, ADVICE_WITH_FILE))?;
            out.document(&hex.document(args, size, Some(path)))
        }
        (Some(path), Form::Text) => {
            let size = copy_to_file(&process, args, path, &mut |_| Ok(()))?;
            out.say(&format!("{} written to {}\n", count(size, "byte"), path.display()))
        }
        (None, Form::Json) => copy_to_json(&process, args, out),
        (None, Form::Text) => dump(&process, args, out),
    }
}

/// Row by row while it is read; what could be read is shown even if the end cannot be.
fn dump(process: &Process, args: &args::Read, out: Out) -> Result<(), Fail> {
    let mut rows = Rows::default();
    let mut at = args.at;
    let done = each_chunk(process, args, &mut |bytes| {
        let text = rows.render(at, bytes);
        at += bytes.len() as u64;
        out.say(&text)
    });
    out.say(&rows.finish())?;
    done
}

fn copy_to_json(process: &Process, args: &args::Read, out: Out) -> Result<(), Fail> {
    let mut hex = Hex::default();
    each_chunk(process, args, &mut |bytes| hex.push(bytes, ADVICE))?;
    out.document(&hex.document(args, args.size, None))
}

/// What to do if the document becomes too long for us.
const ADVICE: &str = "there is no memory for so much; give a smaller size, or --out without --json (--size)";
const ADVICE_WITH_FILE: &str =
    "there is no memory for so much in a document; leave --json out, or give a smaller size (--json, --size)";

/// Bytes for a document.
#[derive(Debug, Default)]
struct Hex(String);

impl Hex {
    fn push(&mut self, bytes: &[u8], advice: &str) -> Result<(), Fail> {
        self.0.try_reserve(2 * bytes.len()).map_err(|_| Fail::memory(advice.to_owned()))?;
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
        for byte in bytes {
            self.0.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        Ok(())
    }

    /// The same keys with and without a file, which is named where there is one.
    fn document(self, args: &args::Read, size: u64, path: Option<&Path>) -> Value {
        let mut document = json!({"base": hex(args.at), "size": size});
        // The macro would copy it.
        document["data"] = self.0.into();
        if let Some(path) = path {
            document["out"] = path.to_string_lossy().into();
        }
        document
    }
}

/// With `--json` there is nothing else to print: the bytes are what standard output was asked for.
fn copy_to_output(process: &Process, args: &args::Read, out: Out) -> Result<(), Fail> {
    if out.form == Form::Json {
        let reason = "--out - and --json both want standard output; leave one out, or give --out a file";
        return Err(Fail::Usage(reason.to_owned()));
    }
    each_chunk(process, args, &mut |bytes| out.raw(bytes))
}

/// All or nothing: the file appears under its name when it is complete. `also` sees the same bytes.
fn copy_to_file(
    process: &Process,
    args: &args::Read,
    path: &Path,
    also: &mut dyn FnMut(&[u8]) -> Result<(), Fail>,
) -> Result<u64, Fail> {
    let fail = |error: io::Error| Fail::file("--out", path, &error);
    if path.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    let mut draft = Draft::create(path).map_err(fail)?;
    let mut size = 0;
    each_chunk(process, args, &mut |bytes| {
        size += bytes.len() as u64;
        also(bytes)?;
        draft.file.write_all(bytes).map_err(fail)
    })?;
    draft.publish(path).map_err(fail)?;
    Ok(size)
}

/// A file next to the final one; removed unless it is published. What is there and is
/// no plain file (a device, a pipe, a link) is written to instead of replaced.
#[derive(Debug)]
struct Draft {
    file: File,
    name: Option<PathBuf>,
}

impl Draft {
    fn create(path: &Path) -> io::Result<Self> {
        let there = fs::symlink_metadata(path).ok();
        if there.as_ref().is_some_and(|there| !there.file_type().is_file()) {
            let file = File::options().write(true).truncate(true).open(path)?;
            return Ok(Self { file, name: None });
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let name = PathBuf::from(name);
        let file = File::create_new(&name)?;
        let draft = Self { file, name: Some(name) };
        if let Some(there) = there {
            // Memory of a process must not become readable to more people than the file was.
            draft.file.set_permissions(there.permissions())?;
        }
        Ok(draft)
    }

    fn publish(mut self, path: &Path) -> io::Result<()> {
        if let Some(name) = &self.name {
            self.file.sync_all()?;
            fs::rename(name, path)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // The refusal that brought us here is the one to report.
            let _ = fs::remove_file(name);
        }
    }
}

/// Reads the range piece by piece. A piece that cannot be read in full ends it, after its readable part.
fn each_chunk(
    process: &Process,
    args: &args::Read,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Fail>,
) -> Result<(), Fail> {
    check_range(args, process.highest())?;
    let mut buffer = vec![0; args.size.min(CHUNK) as usize];
    let mut done = 0;
    loop {
        let piece = &mut buffer[..(args.size - done).min(CHUNK) as usize];
        let at = args.at + done;
        if let Err(failure) = win32::read_memory(process, at, piece) {
            let readable = readable(process, at, piece)?;
            take(&piece[..readable])?;
            return Err(cut_short(failure, process, args, done + readable as u64));
        }
        take(piece)?;
        done += piece.len() as u64;
        if done >= args.size {
            return Ok(());
        }
    }
}

/// The Win32 call sees the whole range first, and so do we.
fn check_range(args: &args::Read, highest: u64) -> Result<(), Fail> {
    if args.size == 0 {
        return Ok(());
    }
    if args.at > highest {
        let message = format!(
            "{} is outside of the user range, which ends at {highest:#x}; give another address (ADDR)",
            hex(args.at)
        );
        return Err(Fail::no_access(message));
    }
    if args.size - 1 > highest - args.at {
        let message = format!(
            "address plus size leaves the user range, which ends at {highest:#x}; give a smaller size (--size)"
        );
        return Err(Fail::no_access(message));
    }
    Ok(())
}

/// How many bytes the kernel gives of what the Win32 call refused as a whole.
fn readable(process: &Process, at: u64, piece: &mut [u8]) -> Result<usize, Fail> {
    process.read(at, piece).map_err(usual)
}

fn cut_short(failure: win32::Failure, process: &Process, args: &args::Read, done: u64) -> Fail {
    if failure.code() != win32::ERROR_PARTIAL_COPY {
        return Names::USUAL.blame(failure);
    }
    let end = args.at.saturating_add(done);
    let (size, pid) = (args.size, args.pid);
    Fail::partial(match done {
        0 => {
            let why = obstacle(process, end, "readable");
            format!("process {pid}: nothing can be read at {end:#x}: {why} (ADDR)")
        }
        _ => format!(
            "process {pid}: only {done} of {size} bytes can be read, up to {end:#x}; give a size of at most {done} (--size)"
        ),
    })
}

/// Why nothing can be copied at `at`, and what to do about it.
fn obstacle(process: &Process, at: u64, wanted: &str) -> String {
    match process.query(at).map(|info| info.state) {
        Ok(State::Committed { protection, .. }) if protection.guard == Guard::Armed => {
            "a guard is armed on the page; take it away with protect, or give another address".to_owned()
        }
        Ok(State::Committed { .. }) => {
            format!("the page is not {wanted}; change its protection, or give another address")
        }
        Ok(State::Free | State::Reserved { .. }) | Err(_) => {
            "no memory is there; give the address of committed memory".to_owned()
        }
    }
}

pub(crate) fn write(args: &args::Write) -> Result<Answer, Fail> {
    let bytes = match (&args.hex, &args.text, &args.input) {
        (Some(hex), ..) => hex.0.clone(),
        (_, Some(text), _) => text.clone().into_bytes(),
        (.., Some(path)) => slurp(path).map_err(|error| Fail::file("--in", path, &error))?,
        (None, None, None) => return Err(Fail::Usage("give --hex, --text or --in".to_owned())),
    };
    let process = open(args.pid)?;
    win32::write_memory(&process, args.at, &bytes)
        .map_err(|failure| refused(failure, &process, args, bytes.len()))?;
    let written = bytes.len() as u64;
    let text = format!("{} written at {}\n", exact(written), paint(OURS, &hex(args.at)));
    Ok(Answer { json: json!({"written": written}), text })
}

fn refused(failure: win32::Failure, process: &Process, args: &args::Write, size: usize) -> Fail {
    let done = failure.transferred.unwrap_or(0);
    if failure.code() != win32::ERROR_PARTIAL_COPY {
        // The size is that of what was given.
        return Names { size: args.given(), ..Names::USUAL }.blame(failure);
    }
    let (pid, end) = (args.pid, args.at.saturating_add(done as u64));
    let why = obstacle(process, end, "writable");
    Fail::partial(match done {
        0 => format!("process {pid}: nothing can be written at {end:#x}: {why} (ADDR)"),
        _ => format!(
            "process {pid}: only {done} of {size} bytes were written, up to {end:#x}: {why}, or write less (ADDR, {})",
            args.given()
        ),
    })
}

fn slurp(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(path)
}

/// The rows of a dump; a row like the one before is drawn as one `*` for all of them, as `hexdump` does.
#[derive(Debug, Default)]
struct Rows {
    before: Vec<u8>,
    skipped: bool,
    end: u64,
}

impl Rows {
    fn render(&mut self, at: u64, bytes: &[u8]) -> String {
        let mut text = String::new();
        for (index, row) in bytes.chunks(ROW).enumerate() {
            let at = at + (index * ROW) as u64;
            self.end = at + row.len() as u64;
            if row == self.before {
                if !self.skipped {
                    text.push_str(&format!("{}\n", paint(DIM, "*")));
                }
                self.skipped = true;
                continue;
            }
            self.skipped = false;
            text.push_str(&line(at, row));
            self.before = row.to_vec();
        }
        text
    }

    /// Says where the last row ended, if it was not drawn.
    fn finish(&self) -> String {
        if self.skipped { format!("{}\n", paint(DIM, &format!("{:016x}", self.end))) } else { String::new() }
    }
}

fn line(at: u64, row: &[u8]) -> String {
    let mut text = paint(DIM, &format!("{at:016x}"));
    text.push_str("  ");
    for index in 0..ROW {
        let gap = if index == ROW / 2 { " " } else { "" };
        match row.get(index) {
            Some(0) => text.push_str(&format!("{gap}{} ", paint(DIM, "00"))),
            Some(byte) => text.push_str(&format!("{gap}{byte:02x} ")),
            None => text.push_str(&format!("{gap}   ")),
        }
    }
    let letters: String = row.iter().map(|byte| letter(*byte)).collect();
    format!("{text} {}\n", paint(GOOD, &format!("|{letters}|")))
}

fn letter(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &str) -> String {
        anstream::adapter::strip_str(rows).to_string()
    }

    #[test]
    fn a_dump_has_address_bytes_and_letters() {
        let mut rows = Rows::default();
        let dump = text(&rows.render(0x1000, b"Hello, \x00\xff"));
        assert_eq!(dump, "0000000000001000  48 65 6c 6c 6f 2c 20 00  ff                       |Hello, ..|\n");
        assert_eq!(rows.finish(), "");
    }

    #[test]
    fn equal_rows_are_drawn_once() {
        let mut rows = Rows::default();
        let dump = text(&rows.render(0, &[0; 64]));
        assert_eq!(dump.lines().count(), 2);
        assert!(dump.ends_with("*\n"));
        assert_eq!(text(&rows.finish()), "0000000000000040\n");
    }
}
