//! `VirtualAlloc`, `VirtualAllocEx`, `VirtualAlloc2`.

use pagewright_core::{Action, Allocate, Kind, Order, Place, Protection, Traits, Verb, Window};

use super::constants::{
    MEM_COMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_REPLACE_PLACEHOLDER, MEM_RESERVE, MEM_RESERVE_PLACEHOLDER,
    MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN, MEM_WRITE_WATCH, PAGE_READWRITE,
};
use super::failure::Failure;
use super::protection::decode_private;
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

/// Unit of placement.
const GRANULE: u64 = 0x1_0000;
const PAGE: u64 = 0x1000;

/// What `MEM_ADDRESS_REQUIREMENTS` asks for; 0 means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The lowest address, a multiple of 64 KiB.
    pub lowest: u64,
    /// The address of the last byte, the last one of a page.
    pub highest: u64,
    /// A power of two, at least 64 KiB.
    pub alignment: u64,
}

/// What `VirtualAlloc` does; the answer is the base.
///
/// # Errors
/// Those of the VA rows. Nothing has changed.
pub fn virtual_alloc<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
    protect: u32,
) -> Result<u64, Failure> {
    Plan::decode(address, size, kind, protect, memory.highest())?.perform(memory)
}

/// What `VirtualAlloc2` does with address requirements (AR10 to AR28).
///
/// # Errors
/// Those of the VA and AR rows. Nothing has changed.
pub fn virtual_alloc2<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
    protect: u32,
    requirements: Requirements,
) -> Result<u64, Failure> {
    let plan = Plan::decode(address, size, kind, protect, memory.highest())?;
    plan.require(requirements, memory.highest())?.perform(memory)
}

/// A request whose arguments are in order.
#[derive(Debug)]
pub(super) struct Plan {
    request: Allocate,
    pages: Pages,
}

/// Which pages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pages {
    Ordinary,
    Large,
}

/// What the flags say.
struct Flags {
    action: Action,
    order: Order,
    pages: Pages,
}

impl Plan {
    /// Checks everything that can be checked before the process is known, in the
    /// order of the facts.
    pub(super) fn decode(
        address: u64,
        size: u64,
        kind: u32,
        protect: u32,
        highest: u64,
    ) -> Result<Self, Failure> {
        if (1..GRANULE).contains(&address) {
            return Err(refused("address", address, "give NULL or at least 0x10000")); // VA32
        }
        let flags = flags(kind, protect)?;
        let protection = decode_private(protect)?;
        range::check(Verb::Allocate, address, size, highest)?;
        Ok(Self { request: request(address, size, &flags, protection), pages: flags.pages })
    }

    /// Adds where the allocation may be.
    pub(super) fn require(self, wanted: Requirements, highest: u64) -> Result<Self, Failure> {
        if wanted == Requirements::default() {
            return Ok(self); // AR10, AR11
        }
        let window = match self.request.place {
            Place::Window(window) => window,
            Place::At(address) | Place::Near(address) => {
                let fix = "an address excludes requirements; give NULL";
                return Err(refused("address", address, fix)); // AR12, AR13
            }
        };
        let place = Place::Window(narrowed(window, wanted, highest)?);
        Ok(Self { request: Allocate { place, ..self.request }, ..self })
    }

    /// Does it. The answer is the base.
    pub(super) fn perform<M: Memory + ?Sized>(&self, memory: &M) -> Result<u64, Failure> {
        match self.pages {
            Pages::Ordinary => Ok(memory.allocate(&self.request)?.start().get()),
            // LP02: until large pages exist here, nobody holds the privilege.
            Pages::Large => Err(Failure::core(Verb::Allocate, Kind::Privilege, 0, self.request.size)),
        }
    }
}

/// A number for `GetLastError` of 87.
fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}

fn request(address: u64, size: u64, flags: &Flags, protection: Protection) -> Allocate {
    let (place, action) = match (address, flags.action) {
        // VA06: without an address a commit reserves as well.
        (0, Action::Commit | Action::ReserveCommit) => (None, Action::ReserveCommit),
        (0, Action::Reserve) => (None, Action::Reserve),
        (address, action) => (Some(address), action),
    };
    let anywhere = Place::Window(Window { order: flags.order, ..Window::ANYWHERE });
    Allocate { place: place.map_or(anywhere, Place::At), size, action, protection, traits: Traits::PLAIN }
}

/// The bits of an allocation type that any version of the call knows.
const KNOWN: u32 = MEM_COMMIT
    | MEM_RESERVE
    | MEM_RESET
    | MEM_TOP_DOWN
    | MEM_WRITE_WATCH
    | MEM_PHYSICAL
    | MEM_RESET_UNDO
    | MEM_LARGE_PAGES;

fn flags(kind: u32, protect: u32) -> Result<Flags, Failure> {
    let refuse = |fix| {
        let status = NtStatus::INVALID_PARAMETER_5;
        Err(Failure::argument(status, "allocation type", u64::from(kind), fix))
    };
    if let Some(fix) = contradiction(kind, protect) {
        return refuse(fix);
    }
    if let Some(fix) = not_yet(kind) {
        return refuse(fix);
    }
    let action = match (kind & MEM_RESERVE != 0, kind & MEM_COMMIT != 0) {
        (true, true) => Action::ReserveCommit,
        (true, false) => Action::Reserve,
        (false, true) => Action::Commit,
        // VA40, VA41, VA46, LP14.
        (false, false) => return refuse("add MEM_RESERVE, MEM_COMMIT or both"),
    };
    let order = if kind & MEM_TOP_DOWN != 0 { Order::TopDown } else { Order::BottomUp };
    let pages = if kind & MEM_LARGE_PAGES != 0 { Pages::Large } else { Pages::Ordinary };
    Ok(Flags { action, order, pages })
}

/// What to change in flags that never go together, or that nobody knows.
fn contradiction(kind: u32, protect: u32) -> Option<&'static str> {
    let has = |bits| kind & bits != 0;
    let all_of = |bits| kind & bits == bits;
    if has(MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER) {
        return Some("placeholders are not supported by this version; remove the flag"); // VA48
    }
    if has(!KNOWN) {
        return Some("remove the bits that are no allocation type"); // VA44, VA45
    }
    if has(MEM_RESET) && kind != MEM_RESET || has(MEM_RESET_UNDO) && kind != MEM_RESET_UNDO {
        return Some("MEM_RESET and MEM_RESET_UNDO stand alone"); // VA47, RS08 to RS11, RS17
    }
    if has(MEM_WRITE_WATCH) && !has(MEM_RESERVE) {
        return Some("MEM_WRITE_WATCH needs MEM_RESERVE"); // VA46
    }
    if has(MEM_PHYSICAL) && (kind & !MEM_TOP_DOWN != MEM_PHYSICAL | MEM_RESERVE) {
        return Some("MEM_PHYSICAL goes with MEM_RESERVE, and with no other but MEM_TOP_DOWN"); // LP14, LP15, LP19
    }
    if has(MEM_PHYSICAL) && protect != PAGE_READWRITE {
        return Some("MEM_PHYSICAL needs PAGE_READWRITE"); // LP18
    }
    if has(MEM_LARGE_PAGES) && (has(MEM_WRITE_WATCH) || all_of(MEM_RESERVE) && !has(MEM_COMMIT)) {
        return Some("MEM_LARGE_PAGES goes with MEM_RESERVE | MEM_COMMIT, without write watch"); // LP05, LP06
    }
    None
}

/// What is right, and comes with a later version.
fn not_yet(kind: u32) -> Option<&'static str> {
    let has = |bits| kind & bits != 0;
    if has(MEM_RESET | MEM_RESET_UNDO) {
        return Some("MEM_RESET is not supported by this version; keep the content, or decommit");
    }
    if has(MEM_WRITE_WATCH) {
        return Some("MEM_WRITE_WATCH is not supported by this version; remove the flag");
    }
    if has(MEM_PHYSICAL) {
        return Some("MEM_PHYSICAL is not supported by this version; use ordinary memory");
    }
    None
}

/// `window` within the requirements.
fn narrowed(window: Window, wanted: Requirements, highest: u64) -> Result<Window, Failure> {
    let Requirements { lowest, highest: last, alignment } = wanted;
    if lowest % GRANULE != 0 || lowest > highest {
        let fix = "give a multiple of 0x10000 in the user range";
        return Err(refused("lowest starting address", lowest, fix)); // AR18, AR22
    }
    if last != 0 && (last > highest || last % PAGE != PAGE - 1) {
        let fix = "give the address of the last byte of a page in the user range";
        return Err(refused("highest ending address", last, fix)); // AR14, AR15
    }
    if last != 0 && lowest > last {
        let fix = "give one above the lowest starting address";
        return Err(refused("highest ending address", last, fix)); // AR21
    }
    if alignment != 0 && (!alignment.is_power_of_two() || alignment < GRANULE) {
        let fix = "give a power of two of at least 0x10000";
        return Err(refused("alignment", alignment, fix)); // AR26, AR27
    }
    let last = if last == 0 { u64::MAX } else { last };
    Ok(Window { lowest, highest: last, alignment, order: window.order })
}
