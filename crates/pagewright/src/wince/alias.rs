//! `VirtualCopy`, `VirtualCopyEx`, `VirtualAllocCopyEx`: the same pages in a second
//! place. No byte is copied, whatever the names say.
//!
//! ```text
//!   who asks     user mode: within this process     kernel mode: any two processes
//!   where to     VirtualCopy(Ex): reserved pages     VirtualAllocCopyEx: a new reservation
//!   of what      an address of the source process    a granted physical window
//! ```

use std::cell::Cell;

use pagewright_core::{Geometry, Kind, Onto, Place, Protection, Verb, Window};

use super::failure::Failure;
use super::mode::{KernelMode, Mode};
use super::protection::{Naming, decode_view};
use super::{physical, policy};
use crate::process::Process;
use crate::share::{Edges, Receipt, Share};

/// Bits by which physical addresses are shifted in the calls under their C names.
const PHYSICAL_SHIFT: u32 = 8;

/// What an alias shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Memory of the source process, by its address.
    Virtual(u64),
    /// Memory of a granted window, by its physical address (not shifted).
    Physical(u64),
}

impl Source {
    const fn address(self) -> u64 {
        match self {
            Self::Virtual(at) | Self::Physical(at) => at,
        }
    }
}

/// What to show in a second place, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The first byte.
    pub source: Source,
    /// How many bytes.
    pub size: u64,
    /// What the view may be used for. The source keeps its own protection. The cache
    /// attribute is that of the reservation, and has no effect on x86-64 Linux.
    pub protection: Protection,
    /// What happens to the rest of a page at either end. Windows CE does
    /// [`Edges::Whole`].
    pub edges: Edges,
}

thread_local! {
    static LAST: Cell<Option<Receipt>> = const { Cell::new(None) };
}

/// What the last aliasing call of this thread has made reachable; `None` after one that
/// failed.
pub fn last_receipt() -> Option<Receipt> {
    LAST.get()
}

/// Shows memory of this process, or of a granted window, at `target`: reserved pages of
/// this process.
///
/// # Errors
/// Nothing has changed. Those of reference section 8: 87 for the arguments, for a source
/// without memory and a target that is not reserved; 5 for memory of the program's own
/// ([`super::allow_foreign_sources`]), for a window that nobody granted and for more
/// rights than the source may have; 8 when a resource ran out; 50 for memory that
/// cannot be shared.
pub fn virtual_copy(target: u64, view: &View) -> Result<Receipt, Failure> {
    let here = Process::current();
    noted(copy(Mode::User, (&here, target), &here, view))
}

/// Shows memory of `from`, or of a granted window, at an address of `to`: reserved pages
/// there.
///
/// # Errors
/// As [`virtual_copy`]; 6 when one of the two has ended.
pub fn virtual_copy_ex(
    _: &KernelMode,
    to: (&Process, u64),
    from: &Process,
    view: &View,
) -> Result<Receipt, Failure> {
    noted(copy(Mode::Kernel, to, from, view))
}

/// Reserves pages in `to` and shows memory of `from`, or of a granted window, there.
/// [`Receipt::base`] is where the first byte is seen.
///
/// # Errors
/// As [`virtual_copy_ex`]; nothing is reserved.
pub fn virtual_alloc_copy_ex(
    _: &KernelMode,
    from: &Process,
    to: &Process,
    view: &View,
) -> Result<Receipt, Failure> {
    noted(alloc_copy(from, to, view))
}

/// Keeps the receipt for [`last_receipt`].
pub(super) fn noted(result: Result<Receipt, Failure>) -> Result<Receipt, Failure> {
    LAST.set(result.as_ref().ok().copied());
    result
}

/// The view that the words of a call describe.
pub(super) fn decode(source: u64, size: u32, protect: u32) -> Result<View, Failure> {
    let (protection, naming) = decode_view(protect)?;
    let source = match naming {
        Naming::Virtual => Source::Virtual(source),
        Naming::Physical => Source::Physical(unshifted(source)?),
    };
    Ok(View { source, size: u64::from(size), protection, edges: Edges::Whole })
}

pub(super) fn unshifted(address: u64) -> Result<u64, Failure> {
    let whole = address.checked_mul(1 << PHYSICAL_SHIFT);
    whole.ok_or(Failure::argument("physical address", address, "give the address shifted right by 8"))
}

/// What [`copy`] and [`alloc_copy`] refuse before they look at processes.
pub(super) fn check(view: &View) -> Result<(), Failure> {
    if view.size == 0 {
        return Err(Failure::core(Verb::Alias, Kind::ZeroSize, view.source.address(), 0));
    }
    Ok(())
}

/// The same for a target: its place in its page is that of the source.
pub(super) fn check_target(target: u64, view: &View) -> Result<(), Failure> {
    check(view)?;
    let page = Geometry::X86_64.page;
    if target % page != view.source.address() % page {
        return Err(Failure::core(Verb::Alias, Kind::Misaligned, target, view.size));
    }
    Ok(())
}

pub(super) fn copy(
    mode: Mode,
    (to, target): (&Process, u64),
    from: &Process,
    view: &View,
) -> Result<Receipt, Failure> {
    check_target(target, view)?;
    check_caller(mode, from, to, view)?;
    show(from, to, Onto::Reserved(target), view)
}

pub(super) fn alloc_copy(from: &Process, to: &Process, view: &View) -> Result<Receipt, Failure> {
    check(view)?;
    show(from, to, Onto::Fresh(Place::Window(Window::ANYWHERE)), view)
}

/// User mode stays within its process. A window belongs to none.
fn check_caller(mode: Mode, from: &Process, to: &Process, view: &View) -> Result<(), Failure> {
    let at_home = match view.source {
        Source::Virtual(_) => from.is_current() && to.is_current(),
        Source::Physical(_) => to.is_current(),
    };
    match mode {
        Mode::Kernel => Ok(()),
        Mode::User if at_home => Ok(()),
        Mode::User => Err(Failure::denied(
            "a thread in user mode can only alias memory of its own process; enter kernel mode first",
        )),
    }
}

fn show(from: &Process, to: &Process, onto: Onto, view: &View) -> Result<Receipt, Failure> {
    let View { source, size, protection, edges } = *view;
    let receipt = match source {
        Source::Physical(at) => physical::show(to, onto, at, view)?,
        Source::Virtual(source) => {
            let consent = policy::consent();
            from.share(to, &Share { source, size, onto, protection, edges, consent })?
        }
    };
    // CeLog's record of the call, with what it made reachable.
    tracing::debug!(
        source = source.address(),
        from = from.pid(),
        to = to.pid(),
        base = receipt.base,
        size,
        exposed = receipt.exposed,
        "alias"
    );
    Ok(receipt)
}
