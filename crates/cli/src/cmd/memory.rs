//! `alloc`, `free` and `protect`: the Win32 calls that change what is where.

use pagewright::win32::{
    self, MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES, MEM_RELEASE, MEM_RESERVE, MEM_TOP_DOWN, MEM_WRITE_WATCH,
};
use pagewright::{Action, Allocate, Memory, Order, PageKind, Place, Process, State, Traits, Watch, Window};
use serde_json::json;

use crate::args;
use crate::cmd::{Names, open};
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{HEAD, OURS, exact, hex};
use crate::words::Protect;

const PAGE: u64 = 0x1000;
/// VirtualFreeEx releases nothing else.
const WHOLE: &str = "only a whole allocation can be released; leave --size out, or add --decommit (--size)";

pub(crate) fn alloc(args: &args::Alloc) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let (base, size) =
        if is_beyond_win32(args) { alloc_beyond(&process, args)? } else { alloc_at(&process, args)? };
    let done = match (action(args), args.at) {
        (Action::Reserve | Action::Placeholder, _) => "reserved",
        (Action::Commit, Some(1..)) => "committed",
        // Without a place in a reservation, a commit makes one.
        (Action::Commit | Action::ReserveCommit, _) => "reserved and committed",
    };
    let text = format!("{} {done} at {}\n", exact(size), paint(OURS, &hex(base)));
    Ok(Answer { json: json!({"base": hex(base), "size": size}), text })
}

const fn action(args: &args::Alloc) -> Action {
    match (args.steps.reserve, args.steps.commit) {
        (true, false) => Action::Reserve,
        (false, true) => Action::Commit,
        (false, false) | (true, true) => Action::ReserveCommit,
    }
}

/// What Win32 has flags for.
fn alloc_at(process: &Process, args: &args::Alloc) -> Result<(u64, u64), Fail> {
    let names = Names { address: "--at", ..Names::USUAL };
    let at = args.at.unwrap_or(0);
    let (kind, node) = (flags(args), args.extras.node.map_or(win32::NUMA_NO_PREFERRED_NODE, u32::from));
    let base = win32::virtual_alloc_numa(process, at, args.size, kind, args.protect.0, node)
        .map_err(|failure| names.blame(failure))?;
    // The call answers only where; the range goes from there to the end of the last page.
    let end = if at == 0 { base.saturating_add(args.size) } else { at.saturating_add(args.size) };
    let end = end.checked_next_multiple_of(PAGE).unwrap_or(end);
    Ok((base, end - base))
}

fn flags(args: &args::Alloc) -> u32 {
    let steps = match action(args) {
        Action::Reserve | Action::Placeholder => MEM_RESERVE,
        Action::Commit => MEM_COMMIT,
        Action::ReserveCommit => MEM_RESERVE | MEM_COMMIT,
    };
    let extras = [
        (args.extras.top_down, MEM_TOP_DOWN),
        (args.extras.large, MEM_LARGE_PAGES),
        (args.extras.write_watch, MEM_WRITE_WATCH),
    ];
    extras.iter().filter(|(wanted, _)| *wanted).fold(steps, |sum, (_, flag)| sum | flag)
}

/// Whether Win32 has no call for it.
fn is_beyond_win32(args: &args::Alloc) -> bool {
    args.near.is_some() || args.extras.joined
}

/// What the library does beyond Win32.
fn alloc_beyond(process: &Process, args: &args::Alloc) -> Result<(u64, u64), Fail> {
    let address = if args.near.is_some() { "--near" } else { "--at" };
    let names = Names { address, ..Names::USUAL };
    let protection = win32::decode_protection(args.protect.0).map_err(|failure| names.blame(failure))?;
    let request = Allocate {
        place: place(args),
        size: args.size,
        action: action(args),
        protection,
        traits: traits(&args.extras),
    };
    let range = process.allocate(&request).map_err(|error| names.blame(error.into()))?;
    Ok((range.start().get(), range.bytes()))
}

fn place(args: &args::Alloc) -> Place {
    let order = if args.extras.top_down { Order::TopDown } else { Order::BottomUp };
    match (args.near, args.at) {
        (Some(goal), _) => Place::Near(goal),
        (None, Some(at)) => Place::At(at),
        (None, None) => Place::Window(Window { order, ..Window::ANYWHERE }),
    }
}

/// Large pages go neither with `--near` nor with `--joined`.
fn traits(extras: &args::Extras) -> Traits {
    let pages = if extras.joined { PageKind::Joined } else { PageKind::Ordinary };
    Traits { watch: if extras.write_watch { Watch::On } else { Watch::Off }, pages, node: extras.node }
}

pub(crate) fn free(args: &args::Free) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    // What is freed cannot be asked about afterwards.
    let (base, size) = extent(&process, args.at, args.size);
    let kind = if args.decommit { MEM_DECOMMIT } else { MEM_RELEASE };
    win32::virtual_free(&process, args.at, args.size, kind).map_err(|failure| {
        let partial = !args.decommit && args.size != 0 && failure.error.is_none();
        let fail = Names::USUAL.blame(failure);
        if partial { fail.saying(WHOLE) } else { fail }
    })?;
    let done = if args.decommit { "decommitted; the range stays reserved" } else { "released" };
    let text = format!("{} at {} {done}\n", exact(size), paint(OURS, &hex(base)));
    Ok(Answer { json: json!({"base": hex(base), "size": size}), text })
}

/// The whole pages that a free of `size` bytes means; with size 0 the rest of the allocation.
fn extent(process: &Process, at: u64, size: u64) -> (u64, u64) {
    let base = at & !(PAGE - 1);
    let end = match size {
        0 => allocation_end(process, base),
        size => at.saturating_add(size).checked_next_multiple_of(PAGE).unwrap_or(u64::MAX),
    };
    (base, end.saturating_sub(base))
}

fn allocation_end(process: &Process, base: u64) -> u64 {
    let mut whole = None;
    let mut at = base;
    // A refusal here will be the answer of the free itself.
    while let Ok(info) = process.query(at) {
        let allocation = match info.state {
            State::Free => break,
            State::Reserved { allocation, .. } | State::Committed { allocation, .. } => allocation,
        };
        if *whole.get_or_insert(allocation) != allocation {
            break;
        }
        at = info.base + info.size;
    }
    at
}

pub(crate) fn protect(args: &args::ProtectArgs) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let old = win32::virtual_protect(&process, args.at, args.size, args.protect.0)
        .map_err(|failure| Names::USUAL.blame(failure))?;
    let old = Protect(old).words();
    let (base, size) = extent(&process, args.at, args.size);
    let new = paint(HEAD, &args.protect.words());
    let text = format!("{} at {}: {old} → {new}\n", exact(size), paint(OURS, &hex(base)));
    Ok(Answer {
        json: json!({"old": old, "new": args.protect.words(), "base": hex(base), "size": size}),
        text,
    })
}
