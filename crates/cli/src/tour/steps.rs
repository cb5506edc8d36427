//! What is done, step by step.

use std::time::{Duration, Instant};

use pagewright::win32::{
    self, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READONLY, PAGE_READWRITE,
};
use pagewright::{Action, Allocate, Leftovers, Memory, Place, Process, Protection, Traits};

use crate::fail::Fail;
use crate::maps::{self, Line};
use crate::region::Region;
use crate::render::{hex, human};
use crate::tour::kernel::{self, Census};
use crate::tour::program::{End, Program};
use crate::tour::proof::{
    Proof, Step, Told, change, memory_proof, milliseconds, outcome, proof, seen, unseen,
};
use crate::words::Protect;

const PAGE: u64 = 0x1000;
/// What is reserved.
const RESERVED: u64 = 1 << 20;
/// Where in it memory is committed, and how much.
const OFFSET: u64 = 64 << 10;
const COMMITTED: u64 = 64 << 10;
/// How far from code an address may be that the code can reach.
const REACH: u64 = 2 << 30;
/// How late a program may end: the noise of a busy machine.
const LATE: Duration = Duration::from_millis(500);
/// How long the kernel may take to bury a thread, or to run a program again.
const PATIENCE: Duration = Duration::from_millis(500);

/// A program, a handle on it, and where the steps before left something.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    program: &'a Program,
    pub(super) process: Process,
    pub(super) pid: u32,
    /// The reservation.
    base: u64,
    /// What was allocated near the program's code.
    near: u64,
    tid: u32,
    pub(super) stopped_ns: u64,
    /// What the kernel counted after the detach.
    pub(super) after: Option<Census>,
}

impl<'a> Stage<'a> {
    pub(super) fn enter(program: &'a Program) -> Result<Self, Fail> {
        let pid = program.pid();
        let process = Process::open(pid)?;
        Ok(Self { program, process, pid, base: 0, near: 0, tid: 0, stopped_ns: 0, after: None })
    }

    fn committed(&self) -> u64 {
        self.base + OFFSET
    }

    /// Recognisable, and different in every program.
    fn text(&self) -> String {
        format!("Hello from Pagewright, {}", self.pid)
    }

    pub(super) fn lines(&self) -> Result<Vec<Line>, Fail> {
        maps::read(self.pid).map_err(|error| unseen(self.pid, &error))
    }

    fn present(&self, at: u64, size: u64) -> Result<u64, Fail> {
        kernel::present(self.pid, at, size).map_err(|error| unseen(self.pid, &error))
    }
}

/// The steps for each program alone.
pub(super) fn itineraries<'a>() -> [Vec<Step<Stage<'a>>>; 2] {
    let first: Vec<Step<Stage<'a>>> = vec![
        Step { name: "attach", act: attach },
        Step { name: "reserve", act: reserve },
        Step { name: "commit", act: commit },
        Step { name: "write", act: write },
        Step { name: "protect", act: protect },
        Step { name: "query", act: query },
        Step { name: "read", act: read },
        Step { name: "decommit", act: decommit },
        Step { name: "free", act: free },
    ];
    let mut second: Vec<_> = first.iter().map(|step| Step { ..*step }).collect();
    second.push(Step { name: "near", act: near });
    second.push(Step { name: "share", act: share });
    [first, second]
}

fn attach(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let attached = stage.process.attach()?;
    (stage.tid, stage.stopped_ns) = (attached.tid, attached.stopped_ns);
    let now = Census::of(stage.pid).map_err(|error| unseen(stage.pid, &error))?;
    let before = &stage.program.before;
    Ok(Told::new(
        format!(
            "resident is thread {}; the program stood still for {}",
            attached.tid,
            milliseconds(attached.stopped_ns)
        ),
        vec![
            proof(
                "one more thread",
                change(before.threads, now.threads),
                "task",
                now.threads == before.threads + 1,
            ),
            proof(
                "no more descriptors",
                change(before.descriptors, now.descriptors),
                "fd",
                now.descriptors == before.descriptors,
            ),
            asleep(stage.pid),
        ],
    ))
}

fn reserve(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    stage.base = win32::virtual_alloc(&stage.process, 0, RESERVED, MEM_RESERVE, PAGE_READWRITE)?;
    let (base, lines) = (stage.base, stage.lines()?);
    let inside = maps::within(&lines, base, base + RESERVED);
    let sealed = !inside.is_empty() && inside.iter().all(|line| line.rights == "---p");
    Ok(Told::new(
        format!("{} at {}", human(RESERVED), hex(base)),
        vec![
            proof("nothing may touch it", seen(inside), "maps", sealed),
            memory_proof("no memory in it", stage.present(base, RESERVED)?, RESERVED, |pages| pages == 0),
        ],
    ))
}

fn commit(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let at = stage.committed();
    win32::virtual_alloc(&stage.process, at, COMMITTED, MEM_COMMIT, PAGE_READWRITE)?;
    let lines = stage.lines()?;
    let line = maps::at(&lines, at);
    let pages = stage.present(at, COMMITTED)?;
    let (here, beside) = (kernel::is_readable(stage.pid, at), kernel::is_readable(stage.pid, at - PAGE));
    Ok(Told::new(
        format!("{} of it at {}", human(COMMITTED), hex(at)),
        vec![
            proof("it may be used", seen(line), "maps", line.is_some_and(|line| line.rights == "rw-p")),
            memory_proof("no memory until it is", pages, COMMITTED, |pages| pages == 0),
            proof("a load works", outcome(here, at), "readv", here),
            proof("a load beside it faults", outcome(beside, at - PAGE), "readv", !beside),
        ],
    ))
}

fn write(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let (at, text) = (stage.committed(), stage.text());
    win32::write_memory(&stage.process, at, text.as_bytes())?;
    let found = kernel::bytes(stage.pid, at, text.len()).map_err(|error| unseen(stage.pid, &error))?;
    Ok(Told::new(
        format!("{} bytes at {}", text.len(), hex(at)),
        vec![
            proof(
                "the bytes are there",
                format!("{:?}", String::from_utf8_lossy(&found)),
                "mem",
                found == text.as_bytes(),
            ),
            memory_proof("one page has memory now", stage.present(at, COMMITTED)?, COMMITTED, |pages| {
                pages == 1
            }),
        ],
    ))
}

fn protect(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let at = stage.committed();
    let old = win32::virtual_protect(&stage.process, at, PAGE, PAGE_READONLY)?;
    let lines = stage.lines()?;
    let (line, next) = (maps::at(&lines, at), maps::at(&lines, at + PAGE));
    Ok(Told::new(
        format!("{} of it: {} → r", human(PAGE), Protect(old).words()),
        vec![
            proof("stores to it fault", seen(line), "maps", line.is_some_and(|line| line.rights == "r--p")),
            proof(
                "the next page is as it was",
                seen(next),
                "maps",
                next.is_some_and(|line| line.rights == "rw-p"),
            ),
        ],
    ))
}

fn query(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let at = stage.committed();
    let lines = stage.lines()?;
    let region = Region::new(&stage.process.query(at)?, &lines);
    let line = maps::at(&lines, at);
    let same = |line: &Line| (line.start, line.end) == (region.base, region.base + region.size);
    let protect = region.protect.as_deref().unwrap_or("-");
    let allocation = region.allocation.as_ref().map_or(0, |(base, _)| *base);
    let right = (region.state, protect) == ("commit", "r");
    Ok(Told::new(
        format!(
            "{} {} {protect} {} at {}",
            human(region.size),
            region.state,
            region.kind.unwrap_or("-"),
            hex(region.base)
        ),
        vec![
            proof("the kernel's line agrees", seen(line), "maps", right && line.is_some_and(same)),
            proof("it knows its allocation", hex(allocation), "query", allocation == stage.base),
        ],
    ))
}

fn read(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let text = stage.text();
    let mut found = vec![0; text.len()];
    win32::read_memory(&stage.process, stage.committed(), &mut found)?;
    let shown = format!("{:?}", String::from_utf8_lossy(&found));
    Ok(Told::new(
        format!("{} bytes back", found.len()),
        vec![proof("they are what was written", shown, "read", found == text.as_bytes())],
    ))
}

fn decommit(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let at = stage.committed();
    win32::virtual_free(&stage.process, at, COMMITTED, MEM_DECOMMIT)?;
    let works = kernel::is_readable(stage.pid, at);
    let region = Region::new(&stage.process.query(at)?, &[]);
    Ok(Told::new(
        format!("{} at {}", human(COMMITTED), hex(at)),
        vec![
            memory_proof("the memory is given back", stage.present(at, COMMITTED)?, COMMITTED, |pages| {
                pages == 0
            }),
            proof("a load faults", outcome(works, at), "readv", !works),
            proof("the range is still ours", region.state, "query", region.state == "reserve"),
        ],
    ))
}

fn free(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let base = stage.base;
    win32::virtual_free(&stage.process, base, 0, MEM_RELEASE)?;
    let lines = stage.lines()?;
    let inside = maps::within(&lines, base, base + RESERVED);
    Ok(Told::new(
        format!("{} at {}", human(RESERVED), hex(base)),
        vec![proof("nothing is mapped there", seen(inside), "maps", inside.is_empty())],
    ))
}

fn near(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let code = kernel::code(stage.pid).map_err(|error| unseen(stage.pid, &error))?;
    let code = code.ok_or_else(|| Fail::program(format!("process {} has no code", stage.pid)))?;
    let request = Allocate {
        place: Place::Near(code),
        size: COMMITTED,
        action: Action::ReserveCommit,
        protection: Protection::READ_WRITE,
        traits: Traits::PLAIN,
    };
    stage.near = stage.process.allocate(&request)?.start().get();
    let distance = stage.near.abs_diff(code);
    let lines = stage.lines()?;
    let line = maps::at(&lines, stage.near);
    Ok(Told::new(
        format!("{} at {}, near the program's code at {}", human(COMMITTED), hex(stage.near), hex(code)),
        vec![
            proof(
                "code can reach it",
                format!("{} away", human(distance)),
                "maps",
                distance + COMMITTED <= REACH,
            ),
            proof("it may be used", seen(line), "maps", line.is_some_and(|line| line.rights == "rw-p")),
        ],
    ))
}

fn share(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    let (at, text) = (stage.near, stage.text());
    win32::write_memory(&stage.process, at, text.as_bytes())?;
    let second = Process::open(stage.pid)?;
    let attached = second.attach()?;
    let mut found = vec![0; text.len()];
    win32::read_memory(&second, at, &mut found)?;
    let region = Region::new(&second.query(at)?, &[]);
    win32::virtual_free(&second, at, 0, MEM_RELEASE)?;
    let lines = stage.lines()?;
    let gone = maps::within(&lines, at, at + COMMITTED);
    let again = format!("thread {}", attached.tid);
    let shown = format!("{:?}", String::from_utf8_lossy(&found));
    Ok(Told::new(
        "opened the program a second time".to_owned(),
        vec![
            proof("the same resident answers", again, "status", attached.found && attached.tid == stage.tid),
            proof("it sees what the first wrote", shown, "read", found == text.as_bytes()),
            proof(
                "it knows the first's region",
                region.state,
                "query",
                region.name.as_deref() == Some("pagewright"),
            ),
            proof("it can free it", seen(gone), "maps", gone.is_empty()),
        ],
    ))
}

/// Takes us out of the program, and counts what is left of us.
pub(super) fn detach(stage: &mut Stage<'_>) -> Result<Told, Fail> {
    // After a tour without failures there is nothing to release.
    stage.process.detach(Leftovers::Release)?;
    let before = &stage.program.before;
    let started = Instant::now();
    let now = loop {
        let now = Census::of(stage.pid).map_err(|error| unseen(stage.pid, &error))?;
        if now == *before || started.elapsed() > PATIENCE {
            break now;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let lines = change(before.mappings.len(), now.mappings.len());
    let proofs = vec![
        proof(
            "threads as before",
            change(before.threads, now.threads),
            "task",
            now.threads == before.threads,
        ),
        proof(
            "descriptors as before",
            change(before.descriptors, now.descriptors),
            "fd",
            now.descriptors == before.descriptors,
        ),
        proof("the same mappings, all alike", lines, "maps", now.mappings == before.mappings),
        asleep(stage.pid),
    ];
    stage.after = Some(now);
    Ok(Told::new(format!("the resident has left process {}", stage.pid), proofs))
}

/// Waits for the program to finish its own work.
pub(super) fn finish(program: &Program) -> (Option<End>, Told) {
    let end = program.wait();
    let code = end.and_then(|end| end.code);
    let after = end.map(|end| end.after);
    let range = program.intended()..program.intended() + LATE;
    let proofs = vec![
        proof(
            "exit code 0",
            code.map_or("none".to_owned(), |code| code.to_string()),
            "wait",
            code == Some(0),
        ),
        proof(
            "on time",
            after.map_or("not ended".to_owned(), |after| format!("{:.3} s", after.as_secs_f64())),
            "wait",
            after.is_some_and(|after| range.contains(&after)),
        ),
    ];
    (end, Told::new(format!("{} ended by itself", program.command()), proofs))
}

/// That the program is at its own work. It may take a moment to get back to it after a halt.
fn asleep(pid: u32) -> Proof {
    let started = Instant::now();
    loop {
        let call = kernel::sleeps_in(pid);
        if call.is_some() || started.elapsed() > PATIENCE {
            return proof(
                "it sleeps on",
                call.unwrap_or("it does something else"),
                "syscall",
                call.is_some(),
            );
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
