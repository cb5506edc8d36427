//! `VirtualAlloc`, `VirtualAllocEx`, `VirtualAllocExNuma`, `VirtualAlloc2`.

use pagewright_core::{
    Action, Allocate, Fate, Kind, PageKind, Place, Protection, Recycle, Survival, Traits, Verb, Window,
};

use super::constants::NUMA_NO_PREFERRED_NODE;
use super::failure::Failure;
use super::kind::{self, Asked, Role, Wish, Words};
use super::protection::{decode_private, decode_protection};
use super::range::{self, PAGE};
use super::status::NtStatus;
use crate::memory::Memory;
use crate::privilege;

/// Unit of placement.
const GRANULE: u64 = 0x1_0000;

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
/// Those of the VA, RS and LP rows. Nothing has changed.
pub fn virtual_alloc<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
    protect: u32,
) -> Result<u64, Failure> {
    Plan::decode(address, size, kind, protect, memory.highest())?.perform(memory)
}

/// What `VirtualAllocExNuma` does: memory of `node` if it has some, else of another one
/// (LP34 to LP37). Where something is reserved already, the node has no effect.
///
/// # Errors
/// As [`virtual_alloc`], and 87 when there is no such node.
pub fn virtual_alloc_numa<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
    protect: u32,
    node: u32,
) -> Result<u64, Failure> {
    let plan = Plan::decode(address, size, kind, protect, memory.highest())?;
    plan.prefer(decode_node(node)?).perform(memory)
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
    let plan = Plan::decode_words(address, size, kind, protect, memory.highest(), Words::Extended)?;
    plan.require(requirements, memory.highest())?.perform(memory)
}

/// The number of a node as Win32 gives it; `None` for no wish (LP36, LP37).
pub(super) fn decode_node(node: u32) -> Result<Option<u16>, Failure> {
    if node == NUMA_NO_PREFERRED_NODE {
        return Ok(None);
    }
    let fix = "give a node that GetNumaHighestNodeNumber allows";
    u16::try_from(node).map(Some).map_err(|_| refused("node", u64::from(node), fix))
}

/// What is asked for, before it is known where: NT calls look at their pointers between the
/// two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Memory with this protection.
    Memory(Wish, Protection),
    /// Another fate for content that is there.
    Content(Fate),
}

impl Shape {
    /// Checks the words of a call.
    pub(super) fn decode(address: u64, kind: u32, protect: u32, words: Words) -> Result<Self, Failure> {
        match kind::decode(kind, protect, address, words)? {
            // What is committed may be a view, which is known later (SR14).
            Asked::Memory(wish) if wish.action == Action::Commit && address != 0 => {
                Ok(Self::Memory(wish, decode_protection(protect)?))
            }
            Asked::Memory(wish) => Ok(Self::Memory(wish, decode_private(protect)?)),
            Asked::Content(fate) => {
                // RS12: it has no effect, and must be one all the same.
                decode_protection(protect)?;
                Ok(Self::Content(fate))
            }
        }
    }

    /// Adds the range, and checks it.
    pub(super) fn at(self, address: u64, size: u64, highest: u64) -> Result<Plan, Failure> {
        range::check(Verb::Allocate, address, size, highest)?;
        Ok(match self {
            Self::Memory(wish, protection) => Plan::Memory(request(address, size, &wish, protection)),
            Self::Content(fate) => Plan::Content(Recycle { at: address, size, fate }),
        })
    }
}

/// A request whose arguments are in order.
#[derive(Debug)]
pub(super) enum Plan {
    /// For memory.
    Memory(Allocate),
    /// About content that is there.
    Content(Recycle),
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
        Self::decode_words(address, size, kind, protect, highest, Words::Plain)
    }

    /// The same with a type as these calls know it.
    pub(super) fn decode_words(
        address: u64,
        size: u64,
        kind: u32,
        protect: u32,
        highest: u64,
        words: Words,
    ) -> Result<Self, Failure> {
        if (1..GRANULE).contains(&address) {
            return Err(refused("address", address, "give NULL or at least 0x10000")); // VA32
        }
        Shape::decode(address, kind, protect, words)?.at(address, size, highest)
    }

    /// Adds where the allocation may be.
    pub(super) fn require(self, wanted: Requirements, highest: u64) -> Result<Self, Failure> {
        if wanted == Requirements::default() {
            return Ok(self); // AR10, AR11
        }
        let request = match self {
            Self::Memory(request) => request,
            Self::Content(recycle) => return Err(named_twice(recycle.at)),
        };
        let window = match request.place {
            Place::Window(window) => window,
            Place::At(address) | Place::Near(address) | Place::Placeholder(address) => {
                return Err(named_twice(address));
            } // AR12, AR13
        };
        let place = Place::Window(narrowed(window, wanted, highest)?);
        Ok(Self::Memory(Allocate { place, ..request }))
    }

    /// Adds whose memory is preferred.
    pub(super) fn prefer(self, node: Option<u16>) -> Self {
        match self {
            Self::Memory(request) => Self::Memory(request.of(Traits { node, ..request.traits })),
            Self::Content(_) => self,
        }
    }

    /// Says which of the large pages are meant.
    pub(super) fn of_pages(self, pages: PageKind) -> Result<Self, Failure> {
        match self {
            Self::Memory(request) if request.traits.pages == PageKind::Large => {
                Ok(Self::Memory(request.of(Traits { pages, ..request.traits })))
            }
            Self::Memory(_) | Self::Content(_) => {
                Err(refused("attribute flags", pages.unit(), "large and huge pages need MEM_LARGE_PAGES"))
            }
        }
    }

    /// Adds the highest address that the last byte may have, where the place is chosen.
    pub(super) fn below(self, last: u64) -> Self {
        match self {
            Self::Memory(request) => match request.place {
                Place::Window(window) => {
                    let place = Place::Window(Window { highest: window.highest.min(last), ..window });
                    Self::Memory(Allocate { place, ..request })
                }
                Place::At(_) | Place::Near(_) | Place::Placeholder(_) => Self::Memory(request),
            },
            Self::Content(_) => self,
        }
    }

    /// Does it. The answer is the base.
    pub(super) fn perform<M: Memory + ?Sized>(&self, memory: &M) -> Result<u64, Failure> {
        Ok(self.carry_out(memory)?.0)
    }

    /// Does it. The answer is the base, and the bytes of the pages that were meant.
    pub(super) fn carry_out<M: Memory + ?Sized>(&self, memory: &M) -> Result<(u64, u64), Failure> {
        match self {
            Self::Memory(request) => {
                check_privilege(request)?;
                let range = memory.allocate(request)?;
                Ok((range.start().get(), range.bytes()))
            }
            Self::Content(recycle) => match memory.recycle(recycle)? {
                Survival::Intact => Ok(range::rounded(recycle.at, recycle.size)),
                Survival::Lost => {
                    Err(Failure::core(Verb::Recycle, Kind::ContentLost, recycle.at, recycle.size)) // RS15
                }
            },
        }
    }
}

/// LP02: large pages are for those whom the administrator lets lock memory.
fn check_privilege(request: &Allocate) -> Result<(), Failure> {
    match request.traits.pages {
        PageKind::Large | PageKind::Huge if !privilege::may_lock_pages() => {
            Err(Failure::core(Verb::Allocate, Kind::Privilege, 0, request.size))
        }
        PageKind::Ordinary | PageKind::Joined | PageKind::Large | PageKind::Huge | PageKind::Window => Ok(()),
    }
}

/// A number for `GetLastError` of 87.
fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}

pub(super) fn named_twice(address: u64) -> Failure {
    refused("address", address, "an address excludes requirements; give NULL")
}

fn request(address: u64, size: u64, wish: &Wish, protection: Protection) -> Allocate {
    let (place, action) = match (address, wish.action) {
        // VA06: without an address a commit reserves as well.
        (0, Action::Commit | Action::ReserveCommit) => (None, Action::ReserveCommit),
        (0, action @ (Action::Reserve | Action::Placeholder)) => (None, action),
        (address, action) => (Some(address), action),
    };
    let anywhere = Place::Window(Window { order: wish.order, ..Window::ANYWHERE });
    let traits = Traits { watch: wish.watch, pages: wish.pages, node: None };
    let (place, action) = match wish.role {
        Role::None => (place.map_or(anywhere, Place::At), action),
        Role::Placeholder => (place.map_or(anywhere, Place::At), Action::Placeholder),
        Role::Instead => (Place::Placeholder(address), action),
    };
    Allocate { place, size, action, protection, traits }
}

/// `window` within the requirements.
pub(super) fn narrowed(window: Window, wanted: Requirements, highest: u64) -> Result<Window, Failure> {
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
