//! The second half: what is done with both programs.
//!
//! ```text
//!   program 1   source ──┐ one memory
//!   program 2   view   ──┘
//!   program 2   original, copy, again: 64 MiB each, and as much memory as one of them
//! ```

use std::hint::black_box;
use std::time::Instant;

use pagewright::win32::{self, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE};
use pagewright::{Consent, CopyRange, Edges, Memory, Onto, Place, Process, Protection, Share, Window};

use crate::fail::Fail;
use crate::maps::{self, Line};
use crate::render::{count, hex, human};
use crate::tour::kernel::{self, Footprint};
use crate::tour::proof::{Proof, Step, Told, milliseconds, proof, seen, unseen};
use crate::tour::steps::Stage;

const PAGE: u64 = 0x1000;
/// What one program shows the other.
const SHARED: u64 = 64 << 10;
/// What is copied.
pub(super) const COPIED: u64 = 64 << 20;
/// What stays reserved behind it.
const APART: u64 = 4 << 20;
/// How much is written or compared at a time.
const CHUNK: u64 = 1 << 20;
/// What is in its pages, behind the number of the page.
const FILL: u8 = 0x5a;
/// How often what can be repeated is measured.
const ROUNDS: u32 = 3;
/// The page that is written after the copies were made.
const CHANGED: u64 = 1234;

/// Both programs, and where the steps before left something.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    first: &'a Stage<'a>,
    second: &'a Stage<'a>,
    /// The shared memory: in the first program, and in the second.
    source: u64,
    view: u64,
    /// In the second program: what is copied, and where to.
    original: u64,
    copy: u64,
    again: u64,
    pub(super) trials: Vec<Trial>,
}

/// What it costs to have the same bytes a second time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) name: &'static str,
    pub(super) nanoseconds: u64,
    /// Memory that there was not before, in bytes.
    pub(super) added: u64,
    /// What was done, so that nobody compares what cannot be compared.
    pub(super) note: &'static str,
}

impl<'a> Pair<'a> {
    pub(super) const fn new(first: &'a Stage<'a>, second: &'a Stage<'a>) -> Self {
        Self { first, second, source: 0, view: 0, original: 0, copy: 0, again: 0, trials: Vec::new() }
    }

    /// What the original and its copies cost together.
    fn pss(&self) -> Result<u64, Fail> {
        let places = [self.original, self.copy, self.again];
        places.iter().map(|at| footprint(self.second, *at, COPIED).map(|found| found.pss)).sum()
    }
}

/// The steps for both programs.
pub(super) fn itinerary<'a>() -> Vec<Step<Pair<'a>>> {
    vec![
        Step { name: "alias", act: alias },
        Step { name: "store", act: store },
        Step { name: "outlive", act: outlive },
        Step { name: "fill", act: fill },
        Step { name: "copy", act: copy },
        Step { name: "again", act: again },
        Step { name: "memcpy", act: memcpy },
        Step { name: "part", act: part },
        Step { name: "release", act: release },
    ]
}

fn alias(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let (from, into) = (pair.first, pair.second);
    let text = format!("Memory of {} in {}. ", from.pid, into.pid).repeat(SHARED as usize / 16);
    let text = &text.as_bytes()[..SHARED as usize];
    pair.source = allocate(&from.process, SHARED)?;
    win32::write_memory(&from.process, pair.source, text)?;
    let request = Share {
        source: pair.source,
        size: SHARED,
        onto: Onto::Fresh(Place::Window(Window::ANYWHERE)),
        protection: Protection::READ_WRITE,
        edges: Edges::Strict,
        consent: Consent::OwnOnly,
    };
    let receipt = from.process.share(&into.process, &request)?;
    pair.view = receipt.base;
    // The kernel's loads also bring every page into both, so that it counts in both.
    let here = bytes(from, pair.source, SHARED)?;
    let there = bytes(into, pair.view, SHARED)?;
    let shown = String::from_utf8_lossy(&there[..24]).into_owned();
    Ok(Told::new(
        format!(
            "{} at {} of program 1 is at {} of program 2",
            human(SHARED),
            hex(pair.source),
            hex(pair.view)
        ),
        vec![
            one_file(&[(from, pair.source), (into, pair.view)], "rw-s")?,
            proof("the same bytes in both", format!("{shown:?} …"), "mem", here == text && there == text),
            halves(footprint(from, pair.source, SHARED)?, footprint(into, pair.view, SHARED)?),
            proof(
                "nothing else is exposed",
                format!("{} around it", count(receipt.exposed, "byte")),
                "receipt",
                receipt.exposed == 0 && receipt.shared == SHARED,
            ),
        ],
    ))
}

/// Memory that two programs show costs each of them one half.
fn halves(here: Footprint, there: Footprint) -> Proof {
    let half = |found: Footprint| found.rss == SHARED && found.pss == SHARED / 2;
    let text = format!("Pss {} + {} of {}", human(here.pss), human(there.pss), human(here.rss));
    proof("it is there once", text, "smaps", half(here) && half(there))
}

fn store(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let (first, second) = (pair.first, pair.second);
    let ask = format!("Program 2 ({}) was here", second.pid);
    let reply = format!("Program 1 ({}) saw it", first.pid);
    win32::write_memory(&second.process, pair.view + PAGE, ask.as_bytes())?;
    let asked = bytes(first, pair.source + PAGE, ask.len() as u64)?;
    win32::write_memory(&first.process, pair.source + 2 * PAGE, reply.as_bytes())?;
    let replied = bytes(second, pair.view + 2 * PAGE, reply.len() as u64)?;
    let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
    Ok(Told::new(
        format!("{} through one program, {} through the other", human(PAGE), human(PAGE)),
        vec![
            proof("stored in 2, seen in 1", text(&asked), "mem", asked == ask.as_bytes()),
            proof("stored in 1, seen in 2", text(&replied), "mem", replied == reply.as_bytes()),
            halves(footprint(first, pair.source, SHARED)?, footprint(second, pair.view, SHARED)?),
        ],
    ))
}

fn outlive(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let (first, second) = (pair.first, pair.second);
    let before = bytes(second, pair.view, SHARED)?;
    win32::virtual_free(&first.process, pair.source, 0, MEM_RELEASE)?;
    let gone = gone(first, "gone from program 1", pair.source, SHARED)?;
    let after = bytes(second, pair.view, SHARED)?;
    let cost = footprint(second, pair.view, SHARED)?;
    let kept = before == after;
    win32::virtual_free(&second.process, pair.view, 0, MEM_RELEASE)?;
    Ok(Told::new(
        "program 1 releases it; then program 2".to_owned(),
        vec![
            gone,
            proof("program 2 still has the bytes", count(after.len() as u64, "byte"), "mem", kept),
            proof("it pays for all of them", format!("Pss {}", human(cost.pss)), "smaps", cost.pss == SHARED),
            self::gone(second, "then gone from program 2", pair.view, SHARED)?,
        ],
    ))
}

fn fill(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let stage = pair.second;
    for place in [&mut pair.original, &mut pair.copy, &mut pair.again] {
        // With room behind it: the kernel lists neighbours that are alike as one mapping, and adds up their memory.
        *place = win32::virtual_alloc(&stage.process, 0, COPIED + APART, MEM_RESERVE, PAGE_READWRITE)?;
        win32::virtual_alloc(&stage.process, *place, COPIED, MEM_COMMIT, PAGE_READWRITE)?;
    }
    let mut chunk = vec![FILL; CHUNK as usize];
    for offset in (0..COPIED).step_by(CHUNK as usize) {
        for (index, page) in chunk.chunks_mut(PAGE as usize).enumerate() {
            stamp(page, offset + index as u64 * PAGE);
        }
        win32::write_memory(&stage.process, pair.original + offset, &chunk)?;
    }
    let full = footprint(stage, pair.original, COPIED)?;
    let rss = |at| footprint(stage, at, COPIED).map(|found| found.rss);
    let targets = rss(pair.copy)? + rss(pair.again)?;
    Ok(Told::new(
        format!("{} of program 2 at {}, a number in every page", human(COPIED), hex(pair.original)),
        vec![
            proof("they are memory", format!("Pss {}", human(full.pss)), "smaps", full.pss == COPIED),
            proof("the targets have none yet", format!("Rss {}", human(targets)), "smaps", targets == 0),
        ],
    ))
}

fn copy(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    // It cannot be repeated: the next one is a later copy.
    let (told, trial) = copy_to(pair, pair.copy, 1, ("first copy", "its bytes move into an object, once"))?;
    pair.trials.push(trial);
    Ok(told)
}

fn again(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let stage = pair.second;
    // With three places, thirds of pages would be summed up, which the kernel rounds.
    win32::virtual_free(&stage.process, pair.copy, 0, MEM_RELEASE)?;
    let gone = gone(stage, "the first copy is gone", pair.copy, COPIED + APART)?;
    let (mut told, trial) =
        copy_to(pair, pair.again, ROUNDS, ("later copy", "no byte moves; the best of 3"))?;
    told.proofs.push(gone);
    pair.trials.push(trial);
    Ok(told)
}

fn copy_to(
    pair: &Pair<'_>,
    target: u64,
    rounds: u32,
    (name, note): (&'static str, &'static str),
) -> Result<(Told, Trial), Fail> {
    let stage = pair.second;
    let before = pair.pss()?;
    let request = CopyRange { source: pair.original, size: COPIED, target };
    let nanoseconds = best_of(rounds, || {
        let started = Instant::now();
        stage.process.copy(&request)?;
        Ok(nanoseconds(started))
    })?;
    // Comparing brings every page into every place, so none is left out of the sum.
    let alike = alike(stage, pair.original)? + alike(stage, target)?;
    let after = pair.pss()?;
    let told = Told::new(
        format!("{} to {} in {}: {note}", human(COPIED), hex(target), milliseconds(nanoseconds)),
        vec![
            one_file(&[(stage, pair.original), (stage, target)], "rw-p")?,
            proof(
                "the same bytes in both",
                format!("{} compared", count(alike, "page")),
                "mem",
                alike == 2 * COPIED / PAGE,
            ),
            proof(
                "no memory was added",
                format!("Pss {} → {}, every page read", human(before), human(after)),
                "smaps",
                // As much as the original alone has: what was there before may have been there in part only.
                after <= COPIED,
            ),
        ],
    );
    Ok((told, Trial { name, nanoseconds, added: after.saturating_sub(COPIED), note }))
}

/// The same bytes, as any program copies them.
fn memcpy(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let own = Process::current().pid();
    // Not its Pss: what libraries cost it depends on who else runs.
    let memory = || kernel::whole_anonymous(own).map_err(|error| unseen(own, &error));
    let from = slurp(pair.second, pair.original)?;
    let (mut same, mut added) = (true, 0);
    let nanoseconds = best_of(ROUNDS, || {
        let mut to = room()?;
        let before = memory()?;
        let started = Instant::now();
        to.extend_from_slice(black_box(&from));
        let nanoseconds = nanoseconds(started);
        same &= *black_box(&to) == from;
        added = memory()?.saturating_sub(before);
        Ok(nanoseconds)
    })?;
    let note = "in the tour's own process, into fresh memory; the best of 3";
    let trial = Trial { name: "memcpy", nanoseconds, added, note };
    let best = pair.trials.iter().map(|trial| trial.nanoseconds).min().unwrap_or(u64::MAX);
    pair.trials.push(trial);
    let times = nanoseconds as f64 / best as f64;
    Ok(Told::new(
        format!("{} in {}: {note}", human(COPIED), milliseconds(nanoseconds)),
        vec![
            proof("the same bytes", count(from.len() as u64, "byte"), "read", same),
            // The heap of the tour itself comes and goes by some pages.
            proof(
                "as much memory was added",
                format!("Anonymous +{}", human(added)),
                "rollup",
                added.abs_diff(COPIED) < CHUNK,
            ),
            proof(
                "the later copy was faster",
                format!("{times:.0} times, all calls and waits included"),
                "clock",
                best < nanoseconds,
            ),
        ],
    ))
}

fn part(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let stage = pair.second;
    let offset = CHANGED * PAGE;
    let at = pair.original + offset;
    let before = (pair.pss()?, footprint(stage, pair.original, COPIED)?.anonymous);
    let text = b"Only this page is copied now";
    let started = Instant::now();
    win32::write_memory(&stage.process, at, text)?;
    let nanoseconds = nanoseconds(started);
    let after = (pair.pss()?, footprint(stage, pair.original, COPIED)?.anonymous);
    let new = bytes(stage, at, text.len() as u64)?;
    let old = bytes(stage, pair.again + offset, PAGE)?;
    let kept = old == page_of(offset);
    let added = after.0.saturating_sub(before.0);
    let note = "the kernel copies that page alone";
    pair.trials.push(Trial { name: "first write", nanoseconds, added, note });
    Ok(Told::new(
        format!("{} at {} of the original", count(text.len() as u64, "byte"), hex(at)),
        vec![
            proof(
                "only now one page is added",
                format!("Pss {} → {}", kilo(before.0), kilo(after.0)),
                "smaps",
                added == PAGE,
            ),
            proof(
                "it is the original's own",
                format!("Anonymous {} → {}", kilo(before.1), kilo(after.1)),
                "smaps",
                before.1 == 0 && after.1 == PAGE,
            ),
            proof("it has the new bytes", format!("{:?}", String::from_utf8_lossy(&new)), "mem", new == text),
            proof("the copy has the old", format!("{} of page {CHANGED}", human(PAGE)), "mem", kept),
        ],
    ))
}

fn release(pair: &mut Pair<'_>) -> Result<Told, Fail> {
    let stage = pair.second;
    let places = [("the original is gone", pair.original), ("the copy is gone", pair.again)];
    let mut proofs = Vec::new();
    for (claim, at) in places {
        win32::virtual_free(&stage.process, at, 0, MEM_RELEASE)?;
        proofs.push(gone(stage, claim, at, COPIED + APART)?);
    }
    Ok(Told::new(format!("2 × {} of program 2", human(COPIED)), proofs))
}

/// That places show one file, mapped with these rights.
fn one_file(places: &[(&Stage<'_>, u64)], rights: &str) -> Result<Proof, Fail> {
    let mut found: Vec<(u64, String)> = Vec::new();
    for (stage, at) in places {
        let lines = stage.lines()?;
        let line = maps::at(&lines, *at);
        found.push(line.map_or((0, "no line".to_owned()), |line: &Line| (line.inode, line.rights.clone())));
    }
    let first = found.first().map_or(0, |(inode, _)| *inode);
    let holds = first != 0 && found.iter().all(|(inode, seen)| *inode == first && seen == rights);
    let shown: Vec<String> = found.iter().map(|(inode, rights)| format!("inode {inode} {rights}")).collect();
    Ok(proof("one file behind both", shown.join(", "), "maps", holds))
}

fn gone(stage: &Stage<'_>, claim: &'static str, at: u64, size: u64) -> Result<Proof, Fail> {
    let lines = stage.lines()?;
    let inside = maps::within(&lines, at, at + size);
    Ok(proof(claim, seen(inside), "maps", inside.is_empty()))
}

fn allocate(process: &Process, size: u64) -> Result<u64, Fail> {
    Ok(win32::virtual_alloc(process, 0, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)?)
}

fn bytes(stage: &Stage<'_>, at: u64, size: u64) -> Result<Vec<u8>, Fail> {
    kernel::bytes(stage.pid, at, size as usize).map_err(|error| unseen(stage.pid, &error))
}

fn footprint(stage: &Stage<'_>, at: u64, size: u64) -> Result<Footprint, Fail> {
    kernel::footprint(stage.pid, at, size).map_err(|error| unseen(stage.pid, &error))
}

/// How many pages of a place are as they were written.
fn alike(stage: &Stage<'_>, at: u64) -> Result<u64, Fail> {
    let (mut pages, mut right) = (0, page_of(0));
    each_piece(stage, at, &mut |offset, piece| {
        for (index, found) in piece.chunks(PAGE as usize).enumerate() {
            stamp(&mut right, offset + index as u64 * PAGE);
            pages += u64::from(found == right);
        }
    })?;
    Ok(pages)
}

/// All of a place in memory of the tour.
fn slurp(stage: &Stage<'_>, at: u64) -> Result<Vec<u8>, Fail> {
    let mut bytes = room()?;
    each_piece(stage, at, &mut |_, piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

fn each_piece(stage: &Stage<'_>, at: u64, show: &mut dyn FnMut(u64, &[u8])) -> Result<(), Fail> {
    kernel::each_piece(stage.pid, at, COPIED, CHUNK, show).map_err(|error| unseen(stage.pid, &error))
}

/// Memory of the tour that nobody has touched yet.
fn room() -> Result<Vec<u8>, Fail> {
    let mut room = Vec::new();
    room.try_reserve_exact(COPIED as usize).map_err(|_| {
        Fail::memory(format!("there is no memory for {} in the tour itself; free some", human(COPIED)))
    })?;
    Ok(room)
}

/// What is written to the page at `offset`.
fn page_of(offset: u64) -> Vec<u8> {
    let mut page = vec![FILL; PAGE as usize];
    stamp(&mut page, offset);
    page
}

/// Every page begins with its number.
fn stamp(page: &mut [u8], offset: u64) {
    page[..8].copy_from_slice(&(offset / PAGE + 1).to_le_bytes());
}

fn kilo(bytes: u64) -> String {
    format!("{} kB", crate::render::thousands(bytes >> 10))
}

/// The least of several measurements: a busy machine only ever adds to one.
fn best_of(rounds: u32, mut measure: impl FnMut() -> Result<u64, Fail>) -> Result<u64, Fail> {
    let mut best = u64::MAX;
    for _ in 0..rounds {
        best = best.min(measure()?);
    }
    Ok(best)
}

fn nanoseconds(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
