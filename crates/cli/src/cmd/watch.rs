//! `watch`: which pages were written.

use pagewright::{After, Error, Kind, Memory, PageRange, Process, Written};
use serde_json::{Value, json};

use crate::args;
use crate::cmd::{Names, open, usual};
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{self, Align, DIM, GOOD, HEAD, OURS, Table, cell, count, exact, hex, human, plain};

const PAGE: u64 = 0x1000;
/// How many runs a person sees; scripts see all.
const TOP: usize = 24;
/// Cells of the picture, and how many of them stand in a line.
const CELLS: u64 = 512;
const LINE: usize = 64;
/// What code and name the Win32 call has for memory that is not watched (facts WW36, WW37).
const NOT_WATCHED: (u32, &str) = (87, "ERROR_INVALID_PARAMETER");

pub(crate) fn watch(args: &args::Watch) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    // Who is not attached has nothing that is watched: asking must not attach.
    if args.size > 0 && !process.status().map_err(usual)?.attached {
        return Err(not_watched(args));
    }
    let after = if args.reset { After::Forget } else { After::Keep };
    let runs = written(&process, args, after).map_err(|error| refused(args, error))?;
    let whole = touched(args);
    Ok(Answer { json: document(args, &runs), text: text(args, whole, &runs) })
}

/// All runs. One answer has room for so many: the next question goes on where it ended.
fn written(process: &Process, args: &args::Watch, after: After) -> Result<Vec<PageRange>, Error> {
    let end = args.at.saturating_add(args.size);
    let mut runs: Vec<PageRange> = Vec::new();
    let mut at = args.at;
    loop {
        let request = Written { at, size: end - at, limit: u64::MAX, after };
        let more = process.written(&request)?;
        let Some(last) = more.last().copied() else { return Ok(runs) };
        runs.extend(more);
        at = last.end().get();
        if at >= end {
            return Ok(runs);
        }
    }
}

/// The range of whole pages that is meant.
fn touched(args: &args::Watch) -> (u64, u64) {
    let end = args.at.saturating_add(args.size);
    (args.at & !(PAGE - 1), end.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX))
}

fn refused(args: &args::Watch, error: Error) -> Fail {
    if error.kind() == Kind::NotWatched {
        return not_watched(args);
    }
    Names::USUAL.blame(error.into())
}

/// The refusal that says how to have such memory.
fn not_watched(args: &args::Watch) -> Fail {
    let (from, to) = touched(args);
    let message = format!(
        "process {}: {} to {} is not all in one allocation whose writes are noted; make one with pagewright alloc {} \
         --size {} --write-watch, and give a range of it (ADDR, --size)",
        args.pid,
        hex(from),
        hex(to),
        args.pid,
        human(to - from),
    );
    Fail::code(NOT_WATCHED, message)
}

fn document(args: &args::Watch, runs: &[PageRange]) -> Value {
    let pages = runs.iter().flat_map(|run| (run.start().get()..run.end().get()).step_by(PAGE as usize));
    let ranges = runs.iter().map(|run| json!({"base": hex(run.start().get()), "size": run.bytes()}));
    json!({
        "pages": pages.map(hex).collect::<Vec<_>>(),
        "granularity": PAGE,
        "ranges": ranges.collect::<Vec<_>>(),
        "reset": args.reset,
    })
}

fn text(args: &args::Watch, (from, to): (u64, u64), runs: &[PageRange]) -> String {
    let dirty: u64 = runs.iter().map(|run| run.bytes() / PAGE).sum();
    let mut text = format!(
        "{} of {} at {} {} written{}\n",
        paint(HEAD, &count(dirty, "page")),
        render::thousands((to - from) / PAGE),
        paint(OURS, &hex(from)),
        if dirty == 1 { "was" } else { "were" },
        if args.reset && dirty > 0 { "; forgotten now" } else { "" },
    );
    if runs.is_empty() {
        return text;
    }
    if render::is_terminal() {
        text.push_str(&format!("\n{}", picture((from, to), runs)));
    }
    text.push('\n');
    text.push_str(&list(runs));
    text
}

fn list(runs: &[PageRange]) -> String {
    let mut table = Table::new(&[
        ("FROM", Align::Right),
        ("TO", Align::Right),
        ("PAGES", Align::Right),
        ("SIZE", Align::Right),
    ]);
    let most = if render::is_terminal() { TOP } else { usize::MAX };
    for run in runs.iter().take(most) {
        table.row([
            plain(hex(run.start().get())),
            plain(hex(run.end().get())),
            plain(render::thousands(run.bytes() / PAGE)),
            cell(GOOD, exact(run.bytes())),
        ]);
    }
    let rest = runs.len().saturating_sub(most) as u64;
    let more = if rest == 0 {
        String::new()
    } else {
        paint(DIM, &format!("and {} more; --json has all of them\n", count(rest, "range")))
    };
    table.render() + &more
}

/// The range as a map: one character for so many pages, the darker the more of them were written.
fn picture((from, to): (u64, u64), runs: &[PageRange]) -> String {
    let pages = (to - from) / PAGE;
    let each = pages.div_ceil(CELLS).max(1);
    let shades: Vec<char> =
        densities((from, to), each, runs).iter().map(|dirty| shade(*dirty, each)).collect();
    let lines: Vec<String> =
        shades.chunks(LINE).map(|line| paint(GOOD, &line.iter().collect::<String>())).collect();
    let legend = match each {
        1 => "a character is a page".to_owned(),
        pages => format!("a character is {}: · none, ░ some, ▒ half, ▓ most, █ all", count(pages, "page")),
    };
    format!("  {}\n  {}\n", lines.join("\n  "), paint(DIM, &legend))
}

/// How many pages of each piece were written; a piece is `each` pages.
fn densities((from, to): (u64, u64), each: u64, runs: &[PageRange]) -> Vec<u64> {
    let piece = each * PAGE;
    let pieces = (from..to).step_by(piece as usize);
    let inside = |start: u64, run: &PageRange| {
        run.end().get().min(start + piece).saturating_sub(run.start().get().max(start)) / PAGE
    };
    pieces.map(|start| runs.iter().map(|run| inside(start, run)).sum()).collect()
}

fn shade(dirty: u64, of: u64) -> char {
    match dirty {
        0 => '·',
        all if all == of => '█',
        some if some * 3 <= of => '░',
        half if half * 3 <= of * 2 => '▒',
        _ => '▓',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, end: u64) -> PageRange {
        PageRange::between(first * PAGE, end * PAGE).expect("not empty")
    }

    #[test]
    fn a_page_is_a_character_while_there_is_room() {
        let runs = [run(1, 3), run(7, 8)];
        assert_eq!(densities((0, 8 * PAGE), 1, &runs), [0, 1, 1, 0, 0, 0, 0, 1]);
        let shown = picture((0, 8 * PAGE), &runs);
        assert!(shown.contains("·██····█"), "{shown}");
    }

    #[test]
    fn many_pages_share_a_character() {
        let whole = (0, 4 * CELLS * PAGE);
        let shown =
            picture(whole, &[run(0, 4), run(5, 8), run(9, 11), run(12, 13), run(4 * CELLS - 1, 4 * CELLS)]);
        assert!(shown.contains("  \u{1b}") && shown.contains("█▓▒░·"), "{shown}");
        assert_eq!(shown.lines().count(), CELLS as usize / LINE + 1, "{shown}");
        assert!(shown.lines().rev().nth(1).is_some_and(|line| line.contains("·░")), "{shown}");
    }
}
