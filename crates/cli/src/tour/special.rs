//! The third part: what memory can do besides holding bytes, in one of the programs.
//!
//! ```text
//!   guard    the first access is noticed, once, and the bytes stay
//!   watch    which pages were written, whoever wrote them
//!   reset    bytes that the kernel may drop, and that were still there when wanted again
//!   remap    physical pages that change places, and no byte moves
//!   large    one page of 2 MiB
//! ```
//!
//! What needs a privilege or pages that are set aside is left out where there is none, and says so.

use pagewright::doctor::{self, Supply};
use pagewright::win32::{
    self, Failure, MEM_COMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, MEM_RESET,
    MEM_RESET_UNDO, MEM_WRITE_WATCH, NUMA_NO_PREFERRED_NODE, PAGE_GUARD, PAGE_READWRITE,
    WRITE_WATCH_FLAG_RESET,
};
use pagewright::{Memory, Process};

use crate::fail::Fail;
use crate::maps;
use crate::region::Region;
use crate::render::{count, hex, human};
use crate::tour::kernel::{self, Footprint};
use crate::tour::proof::{Step, Told, outcome, proof, seen, unseen};
use crate::tour::steps::Stage;

const PAGE: u64 = 0x1000;
/// What most steps work on.
const SIZE: u64 = 64 << 10;
/// What may be dropped: the kernel notes that in batches of some dozen pages.
const DROPPED: u64 = 1 << 20;
/// What is watched.
const WATCHED: u64 = 1 << 20;
/// Physical pages.
const FRAMES: u64 = 16;
const LARGE: u64 = 2 << 20;
const BOTH: u32 = MEM_RESERVE | MEM_COMMIT;
/// What Win32 says of a call that has met a guard: STATUS_GUARD_PAGE_VIOLATION (fact GP06).
const MET: u32 = 0x8000_0001;

/// The program, what the machine has to give, and what was allocated.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    stage: &'a Stage<'a>,
    supply: Supply,
    /// Base and size, to be released.
    places: Vec<(u64, u64)>,
    frames: Vec<u64>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(stage: &'a Stage<'a>) -> Self {
        Self { stage, supply: doctor::report().supply, places: Vec::new(), frames: Vec::new() }
    }

    fn process(&self) -> &Process {
        &self.stage.process
    }

    fn allocate(&mut self, size: u64, kind: u32) -> Result<u64, Fail> {
        let base = win32::virtual_alloc(self.process(), 0, size, kind, PAGE_READWRITE)?;
        self.places.push((base, size));
        Ok(base)
    }

    fn bytes(&self, at: u64, size: u64) -> Result<Vec<u8>, Fail> {
        kernel::bytes(self.stage.pid, at, size as usize).map_err(|error| unseen(self.stage.pid, &error))
    }

    fn is_readable(&self, at: u64) -> bool {
        kernel::is_readable(self.stage.pid, at)
    }

    fn present(&self, at: u64, size: u64) -> Result<Vec<u64>, Fail> {
        kernel::present_pages(self.stage.pid, at, size).map_err(|error| unseen(self.stage.pid, &error))
    }

    fn footprint(&self, at: u64, size: u64) -> Result<Footprint, Fail> {
        kernel::footprint(self.stage.pid, at, size).map_err(|error| unseen(self.stage.pid, &error))
    }

    fn protection(&self, at: u64) -> Result<String, Fail> {
        let region = Region::new(&self.process().query(at)?, &[]);
        Ok(region.protect.unwrap_or_default())
    }

    fn written(&self, at: u64, flags: u32) -> Result<Vec<u64>, Fail> {
        Ok(win32::get_write_watch(self.process(), flags, at, WATCHED, WATCHED / PAGE)?)
    }
}

/// The steps.
pub(super) fn itinerary<'a>() -> Vec<Step<Bench<'a>>> {
    vec![
        Step { name: "guard", act: guard },
        Step { name: "watch", act: watch },
        Step { name: "reset", act: reset },
        Step { name: "remap", act: remap },
        Step { name: "large", act: large },
        Step { name: "release", act: release },
    ]
}

fn guard(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    let at = bench.allocate(SIZE, BOTH)?;
    let text = b"Kept behind a guard";
    win32::write_memory(bench.process(), at, text)?;
    win32::virtual_protect(bench.process(), at, PAGE, PAGE_READWRITE | PAGE_GUARD)?;
    let (armed, beside) = (bench.is_readable(at), bench.is_readable(at + PAGE));
    let before = bench.protection(at)?;
    let met = win32::virtual_lock(bench.process(), at, PAGE);
    let after = bench.protection(at)?;
    let again = win32::virtual_lock(bench.process(), at, PAGE);
    let locked = bench.footprint(at, PAGE)?.locked;
    win32::virtual_unlock(bench.process(), at, PAGE)?;
    let kept = bench.bytes(at, text.len() as u64)?;
    let was_met = met.as_ref().is_err_and(|failure| failure.code() == MET);
    Ok(Told::new(
        format!("{} at {} with a guard, and two calls that touch it", human(PAGE), hex(at)),
        vec![
            proof("an access faults while armed", outcome(armed, at), "readv", !armed),
            proof("the next page has none", outcome(beside, at + PAGE), "readv", beside),
            proof("the first lock meets it", said(&met), "lock", was_met && before == "rw+guard"),
            proof("the guard is gone with it", format!("{before} → {after}"), "query", after == "rw"),
            proof(
                "the second lock holds",
                format!("Locked {}", human(locked)),
                "smaps",
                again.is_ok() && locked == PAGE,
            ),
            proof(
                "the bytes were kept",
                format!("{:?}", String::from_utf8_lossy(&kept)),
                "mem",
                kept == text,
            ),
        ],
    ))
}

fn said(answer: &Result<(), Failure>) -> String {
    match answer {
        Ok(()) => "done".to_owned(),
        Err(failure) => format!("{:#x} {}", failure.code(), failure.name()),
    }
}

fn watch(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    let at = bench.allocate(WATCHED, BOTH | MEM_WRITE_WATCH)?;
    let fresh = bench.written(at, 0)?;
    win32::write_memory(bench.process(), at + 4 * PAGE - 2, b"over an edge")?;
    let by_kernel = at + 77 * PAGE;
    kernel::store(bench.stage.pid, by_kernel, b"by /proc/PID/mem")
        .map_err(|error| unseen(bench.stage.pid, &error))?;
    let listed = bench.written(at, WRITE_WATCH_FLAG_RESET)?;
    let present = bench.present(at, WATCHED)?;
    let silent = bench.written(at, 0)?;
    win32::write_memory(bench.process(), at + 200 * PAGE, b"later")?;
    let later = bench.written(at, 0)?;
    let expected = [at + 3 * PAGE, at + 4 * PAGE, by_kernel];
    Ok(Told::new(
        format!("{} at {}, two stores, one of them the kernel's own", human(WATCHED), hex(at)),
        vec![
            proof("nothing is written at first", numbers(at, &fresh), "watch", fresh.is_empty()),
            proof("then three pages are", numbers(at, &listed), "watch", listed == expected),
            proof("just these have memory", numbers(at, &present), "pagemap", present == listed),
            proof("after a reset none is", numbers(at, &silent), "watch", silent.is_empty()),
            proof("and a store is noted again", numbers(at, &later), "watch", later == [at + 200 * PAGE]),
        ],
    ))
}

/// Pages by their number in the range.
fn numbers(base: u64, pages: &[u64]) -> String {
    match pages {
        [] => "no page".to_owned(),
        pages => {
            let numbers: Vec<_> = pages.iter().take(8).map(|at| ((at - base) / PAGE).to_string()).collect();
            format!("page {}{}", numbers.join(", "), if pages.len() > 8 { " …" } else { "" })
        }
    }
}

fn reset(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    let at = bench.allocate(DROPPED, BOTH)?;
    let text = b"May be dropped. ".repeat(DROPPED as usize / 16);
    win32::write_memory(bench.process(), at, &text)?;
    let before = bench.footprint(at, DROPPED)?;
    win32::virtual_alloc(bench.process(), at, DROPPED, MEM_RESET, PAGE_READWRITE)?;
    let offered = bench.footprint(at, DROPPED)?;
    let state = bench.protection(at)?;
    let undone = win32::virtual_alloc(bench.process(), at, DROPPED, MEM_RESET_UNDO, PAGE_READWRITE);
    let after = bench.footprint(at, DROPPED)?;
    let kept = bench.bytes(at, DROPPED)?;
    let lazy = format!("LazyFree {} → {}", human(before.lazy), human(offered.lazy));
    let back = format!("LazyFree {} → {}", human(offered.lazy), human(after.lazy));
    let answer = undone.as_ref().map_or_else(|failure| failure.name().to_owned(), |base| hex(*base));
    // The kernel may drop pages at any time: then the answer says so, and is right.
    let intact = undone.is_ok();
    Ok(Told::new(
        format!("{} at {} may be dropped, and then may not", human(DROPPED), hex(at)),
        vec![
            proof("the kernel may take it", lazy, "smaps", before.lazy == 0 && offered.lazy > 0),
            proof("it is still committed", state.clone(), "query", state == "rw"),
            proof("undo says what survived", answer, "undo", intact == (kept == text)),
            proof("the kernel may not any more", back, "smaps", after.lazy == 0),
            proof(
                "and the bytes are there",
                count(kept.len() as u64, "byte"),
                "mem",
                !intact || kept == text,
            ),
        ],
    ))
}

fn remap(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    if !bench.supply.may_lock_pages {
        return Ok(left_out("physical pages need the privilege to lock memory (CAP_IPC_LOCK)"));
    }
    let window = bench.allocate(FRAMES * PAGE, MEM_RESERVE | MEM_PHYSICAL)?;
    bench.frames = win32::allocate_user_physical_pages(bench.process(), FRAMES, NUMA_NO_PREFERRED_NODE)?;
    let mut frames = bench.frames.clone();
    let size = frames.len() as u64 * PAGE;
    map(bench, window, &frames)?;
    for (number, at) in (window..window + size).step_by(PAGE as usize).enumerate() {
        win32::write_memory(bench.process(), at, &[number as u8 + 1])?;
    }
    let straight = firsts(bench, window, size)?;
    let costs = bench.footprint(window, size)?;
    frames.reverse();
    map(bench, window, &frames)?;
    let reversed = firsts(bench, window, size)?;
    let still = bench.footprint(window, size)?;
    win32::map_user_physical_pages(bench.process(), window, frames.len() as u64, None)?;
    let works = bench.is_readable(window);
    let expected: Vec<u8> = straight.iter().rev().copied().collect();
    Ok(Told::new(
        format!(
            "{} in a window at {}, then in reverse",
            count(frames.len() as u64, "physical page"),
            hex(window)
        ),
        vec![
            proof("each page has its number", format!("{straight:?}"), "mem", straight.first() == Some(&1)),
            proof("remapped, they are reversed", format!("{reversed:?}"), "mem", reversed == expected),
            proof(
                "no page was copied for it",
                format!("Rss {} → {}", human(costs.rss), human(still.rss)),
                "smaps",
                costs.rss == size && still.rss == size,
            ),
            proof("unmapped, a load faults", outcome(works, window), "readv", !works),
        ],
    ))
}

fn map(bench: &Bench<'_>, window: u64, frames: &[u64]) -> Result<(), Fail> {
    Ok(win32::map_user_physical_pages(bench.process(), window, frames.len() as u64, Some(frames))?)
}

/// The first byte of every page.
fn firsts(bench: &Bench<'_>, at: u64, size: u64) -> Result<Vec<u8>, Fail> {
    Ok(bench.bytes(at, size)?.into_iter().step_by(PAGE as usize).collect())
}

fn large(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    let free = bench.supply.pools.iter().find(|pool| pool.page == LARGE).map_or(0, |pool| pool.free);
    if !bench.supply.may_lock_pages {
        return Ok(left_out("large pages need the privilege to lock memory (CAP_IPC_LOCK)"));
    }
    if free == 0 {
        return Ok(left_out("no large page is free (vm.nr_hugepages)"));
    }
    let at = bench.allocate(LARGE, BOTH | MEM_LARGE_PAGES)?;
    win32::write_memory(bench.process(), at + LARGE - 5, b"large")?;
    let found = bench.bytes(at + LARGE - 5, 5)?;
    let page = kernel::page_size(bench.stage.pid, at).map_err(|error| unseen(bench.stage.pid, &error))?;
    Ok(Told::new(
        format!("{} at {}", human(LARGE), hex(at)),
        vec![
            proof("it is one page", format!("KernelPageSize {}", human(page)), "smaps", page == LARGE),
            proof(
                "it holds bytes",
                format!("{:?}", String::from_utf8_lossy(&found)),
                "mem",
                found == b"large",
            ),
        ],
    ))
}

/// A step that this machine has nothing for. No claim is made, so none has to be proven.
fn left_out(why: &str) -> Told {
    Told::new(format!("left out: {why}"), Vec::new())
}

fn release(bench: &mut Bench<'_>) -> Result<Told, Fail> {
    let places = std::mem::take(&mut bench.places);
    for (base, _) in &places {
        win32::virtual_free(bench.process(), *base, 0, MEM_RELEASE)?;
    }
    win32::free_user_physical_pages(bench.process(), &bench.frames)?;
    bench.frames.clear();
    let lines = bench.stage.lines()?;
    let left: Vec<_> = places.iter().flat_map(|(at, size)| maps::within(&lines, *at, at + size)).collect();
    let none = left.is_empty();
    Ok(Told::new(
        count(places.len() as u64, "place"),
        vec![proof("nothing is mapped there", seen(left), "maps", none)],
    ))
}
