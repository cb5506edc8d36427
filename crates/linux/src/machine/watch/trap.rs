//! Noting stores by a handler of `SIGSEGV`: armed pages are not writable, and the handler makes
//! those writable that are stored to.
//!
//! A byte tells of each page what the program may do with it and where it stands:
//!
//! ```text
//!   Open ──arm──► Clean ──handler──► Opening ──handler──► Stored
//!                   ▲                   ▲────────handler────│
//!                   └──────────────scan, which forgets──────┘
//! ```
//!
//! Only who brought a page to `Opening` makes it writable, and only a scan takes that back, after
//! it has made the page `Clean`. So a writable page is never clean once a scan is done, and a
//! store that comes in between is in the report of that scan. The bytes lie in tables like
//! those of a processor, which are never given back: the handler takes no lock and no memory.

use alloc::boxed::Box;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use core::sync::atomic::{AtomicPtr, AtomicU8};

use pagewright_core::{Access, After, PageRange};

use super::super::{addr, len, prot};
use super::way::Stop;
use crate::sys;

const PAGE: u64 = 0x1000;
const BITS: u32 = 9;
const ENTRIES: usize = 1 << BITS;

/// Of 512 pages, 2 MiB.
type Leaf = [AtomicU8; ENTRIES];
/// Of 512 of what is below.
type Table<T> = [AtomicPtr<T>; ENTRIES];
/// Of 512 GiB each.
type Root = Table<Table<Table<Leaf>>>;

static ROOT: AtomicPtr<Root> = AtomicPtr::new(core::ptr::null_mut());

/// Where a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stand {
    /// Not armed: as the program may use it.
    Open,
    /// Armed: not writable.
    Clean,
    /// Somebody makes it writable.
    Opening,
    /// It was stored to: as the program may use it.
    Stored,
}

/// What is known of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    stand: Stand,
    access: Access,
}

impl Known {
    const fn from_byte(byte: u8) -> Self {
        let stand = match byte & 3 {
            0 => Stand::Open,
            1 => Stand::Clean,
            2 => Stand::Opening,
            _ => Stand::Stored,
        };
        Self { stand, access: Access::from_bits_truncate(byte >> 2) }
    }

    const fn to_byte(self) -> u8 {
        self.stand as u8 | self.access.bits() << 2
    }

    const fn may_be_stored_to(self) -> bool {
        self.access.contains(Access::WRITE)
    }
}

/// The table behind an entry, if there is one.
fn below<T>(entry: &AtomicPtr<T>) -> Option<&'static T> {
    // SAFETY: null, or a table that was leaked for good by `made`.
    unsafe { entry.load(Acquire).as_ref() }
}

/// The table behind an entry, made if need be.
fn made<T: 'static>(entry: &AtomicPtr<T>, new: impl FnOnce() -> T) -> &'static T {
    if let Some(table) = below(entry) {
        return table;
    }
    let fresh = Box::into_raw(Box::new(new()));
    match entry.compare_exchange(core::ptr::null_mut(), fresh, AcqRel, Acquire) {
        // SAFETY: leaked just now, and never given back.
        Ok(_) => unsafe { &*fresh },
        Err(other) => {
            // SAFETY: nobody saw this one; the other was leaked for good.
            unsafe {
                drop(Box::from_raw(fresh));
                &*other
            }
        }
    }
}

fn empty_table<T>() -> Table<T> {
    [const { AtomicPtr::new(core::ptr::null_mut()) }; ENTRIES]
}

const fn index(at: u64, level: u32) -> usize {
    (at >> (12 + level * BITS)) as usize & (ENTRIES - 1)
}

/// The table of the pages around an address, if there is one.
fn known_leaf(at: u64) -> Option<&'static Leaf> {
    let table = below(&below(&ROOT)?[index(at, 3)])?;
    below(&below(&table[index(at, 2)])?[index(at, 1)])
}

fn leaf(at: u64) -> &'static Leaf {
    let table = made(&made(&ROOT, empty_table)[index(at, 3)], empty_table);
    let table = made(&table[index(at, 2)], empty_table);
    made(&table[index(at, 1)], || [const { AtomicU8::new(0) }; ENTRIES])
}

/// Replaces what is known of a page; `None` if `change` wants nothing changed. Answers what was.
fn change(page: &AtomicU8, change: impl Fn(Known) -> Option<Known>) -> Result<Known, Known> {
    page.fetch_update(AcqRel, Acquire, |byte| change(Known::from_byte(byte)).map(Known::to_byte))
        .map(Known::from_byte)
        .map_err(Known::from_byte)
}

/// Visits the pages of a range that lie in tables, those of others as open; by runs for
/// which `visit` answers the same.
fn each_run<T: PartialEq + Copy>(
    range: PageRange,
    visit: &mut dyn FnMut(&AtomicU8) -> T,
    close: &mut dyn FnMut(PageRange, T),
) {
    let nobody = AtomicU8::new(0);
    let (mut at, end) = (range.start().get(), range.end().get());
    let mut run: Option<(u64, T)> = None;
    while at < end {
        let table = known_leaf(at);
        let stop = ((at | (ENTRIES as u64 * PAGE - 1)) + 1).min(end);
        while at < stop {
            let value = visit(table.map_or(&nobody, |table| &table[index(at, 0)]));
            match run {
                Some((_, same)) if same == value => {}
                Some((start, other)) => {
                    PageRange::between(start, at).into_iter().for_each(|part| close(part, other));
                    run = Some((at, value));
                }
                None => run = Some((at, value)),
            }
            at += PAGE;
        }
    }
    if let Some((start, value)) = run {
        PageRange::between(start, end).into_iter().for_each(|part| close(part, value));
    }
}

/// Gives pages an access as it is.
pub(super) fn apply(range: PageRange, access: Access) -> sys::Result<()> {
    // SAFETY: the range is ours, and gets what its owner gave it, or less so that stores fault.
    unsafe { sys::mprotect(addr(range), len(range), prot(access)) }
}

/// What the program may do with pages that are mapped there now, and open.
pub(super) fn mapped(range: PageRange, access: Access) {
    set(range, Known { stand: Stand::Open, access: access.now() });
}

/// Nothing is known of these pages any more.
pub(super) fn forget(range: PageRange) {
    if below(&ROOT).is_some() {
        let nothing = |page: &AtomicU8| page.store(0, Release);
        each_run(range, &mut |page| nothing(page), &mut |_, ()| {});
    }
}

fn set(range: PageRange, known: Known) {
    let mut at = range.start().get();
    while at < range.end().get() {
        leaf(at)[index(at, 0)].store(known.to_byte(), Release);
        at += PAGE;
    }
}

/// Gives pages another access, as far as what is noted of them permits.
pub(super) fn protect(range: PageRange, access: Access) -> sys::Result<()> {
    let (access, mut at) = (access.now(), range.start().get());
    while at < range.end().get() {
        let _ = change(&leaf(at)[index(at, 0)], |known| Some(Known { access, ..known }));
        at += PAGE;
    }
    apply(range, access.difference(Access::WRITE))?;
    if !access.contains(Access::WRITE) {
        return Ok(());
    }
    let mut done = Ok(());
    each_run(range, &mut |page| Known::from_byte(page.load(Acquire)).stand, &mut |part, stand| match stand {
        Stand::Open | Stand::Stored => done = done.and_then(|()| apply(part, access)),
        Stand::Clean | Stand::Opening => {}
    });
    done
}

/// Gives a page the access that it has once its guard was met; `None`: nothing is noted so there.
///
/// As signal-safe as [`note_fault`].
pub(in super::super) fn reopen(page: PageRange, access: Access) -> Option<sys::Result<()>> {
    known_leaf(page.start().get())?;
    Some(protect(page, access))
}

/// Makes pages clean, also those that were stored to.
pub(super) fn arm(range: PageRange) -> sys::Result<()> {
    settle(range, &mut |_, _| {})
}

/// Pages are as the program may use them; nothing is noted.
pub(super) fn disarm(range: PageRange) {
    let open = |known: Known| Some(Known { stand: Stand::Open, ..known });
    let visit = &mut |page: &AtomicU8| change(page, open).map_or(Access::empty(), |known| known.access);
    // What cannot be given its access back faults, and is answered as a forbidden access.
    each_run(range, visit, &mut |part, access| {
        let _ = apply(part, access);
    });
}

/// Makes every page of a range clean that is not being opened at this moment, and tells which were
/// stored to.
fn settle(range: PageRange, report: &mut dyn FnMut(PageRange, Stand)) -> sys::Result<()> {
    let clean = |known: Known| match known.stand {
        Stand::Open | Stand::Stored => Some(Known { stand: Stand::Clean, ..known }),
        Stand::Clean | Stand::Opening => None,
    };
    let mut done = Ok(());
    each_run(
        range,
        &mut |page| change(page, clean).map_or_else(|known| (known, false), |known| (known, true)),
        &mut |part, (known, changed)| {
            if changed && known.may_be_stored_to() {
                done = done.and_then(|()| apply(part, known.access.difference(Access::WRITE)));
            }
            report(part, known.stand);
        },
    );
    done
}

/// See `Linux::scan_stores`.
pub(super) fn scan(
    range: PageRange,
    limit: u64,
    after: After,
    report: &mut dyn FnMut(PageRange),
) -> Result<(), Stop> {
    let mut stored = alloc::vec::Vec::new();
    each_run(
        range,
        &mut |page| Known::from_byte(page.load(Acquire)).stand != Stand::Clean,
        &mut |part, is_stored| {
            if is_stored {
                stored.push(part);
            }
        },
    );
    let mut room = limit;
    for run in stored {
        let (told, _) = super::list::cut(run, room, PAGE);
        let Some(told) = told else { break };
        if after == After::Forget {
            // A page that is being opened stays so, and is reported once more.
            let rest = PageRange::between(told.start().get(), range.end().get()).unwrap_or(told);
            settle(told, &mut |_, _| {}).map_err(|error| Stop { rest, room, error })?;
        }
        room -= told.bytes() / PAGE;
        report(told);
    }
    Ok(())
}

/// Has the pages of these bytes count as stored to, where stores are noted by faulting: so that the
/// kernel can store to them for us, which would fail and not fault.
///
/// As signal-safe as [`note_fault`], and one load of a word where nothing is noted so.
pub fn open_trapped(at: u64, bytes: u64) {
    if below(&ROOT).is_none() {
        return;
    }
    let end = at.saturating_add(bytes);
    let mut at = at & !(PAGE - 1);
    while at < end {
        note_fault(at as usize);
        at = at.saturating_add(PAGE);
    }
}

/// Notes a store that faulted at `at`. True: it can be made again; false: this is about something
/// else.
///
/// May run in a signal handler: takes no lock and no memory, and makes a system call.
pub fn note_fault(at: usize) -> bool {
    let at = at as u64 & !(PAGE - 1);
    let (Some(leaf), Some(range)) = (known_leaf(at), PageRange::between(at, at + PAGE)) else { return false };
    let page = &leaf[index(at, 0)];
    let begin = |known: Known| {
        let is_ours = known.may_be_stored_to() && matches!(known.stand, Stand::Clean | Stand::Stored);
        is_ours.then_some(Known { stand: Stand::Opening, ..known })
    };
    let mut known = match change(page, begin) {
        Ok(known) => known,
        // Another thread is at it.
        Err(known) => return known.stand == Stand::Opening && known.may_be_stored_to(),
    };
    loop {
        let opened = apply(range, known.access);
        // The access may have changed meanwhile: then once more.
        let finish =
            |now: Known| (now.access == known.access).then_some(Known { stand: Stand::Stored, ..now });
        match change(page, finish) {
            Ok(_) => return opened.is_ok(),
            Err(now) => known = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::sys::{Backing, Place, Prot};

    const ALL: Access = Access::READ.union(Access::WRITE);

    fn stored(range: PageRange, limit: u64, after: After) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let base = range.start().get();
        scan(range, limit, after, &mut |run| {
            runs.push(((run.start().get() - base) / PAGE, (run.end().get() - base) / PAGE));
        })
        .expect("the pages are there");
        runs
    }

    #[test]
    fn pages_go_from_clean_to_stored_and_back() {
        let bytes = 8 * PAGE as usize;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, bytes, Prot::READ_WRITE, Backing::Anonymous) };
        let at = at.expect("memory") as u64;
        let range = PageRange::between(at, at + bytes as u64).expect("not empty");
        assert!(!note_fault(at as usize), "nobody said anything about it");
        mapped(range, ALL);
        assert!(!note_fault(at as usize), "it is not armed");
        arm(range).expect("it is mapped");
        assert!(stored(range, 99, After::Keep).is_empty());
        for page in [1, 2, 5] {
            assert!(note_fault((at + page * PAGE + 17) as usize));
            // SAFETY: the page is ours, and writable now.
            unsafe { core::ptr::write_volatile((at + page * PAGE) as *mut u8, 1) };
        }
        assert_eq!(stored(range, 99, After::Keep), [(1, 3), (5, 6)]);
        assert_eq!(stored(range, 1, After::Forget), [(1, 2)]);
        assert_eq!(stored(range, 99, After::Forget), [(2, 3), (5, 6)]);
        assert!(stored(range, 99, After::Keep).is_empty());
        protect(range, Access::READ).expect("it is mapped");
        assert!(!note_fault(at as usize), "a forbidden store");
        protect(range, ALL).expect("it is mapped");
        assert!(note_fault(at as usize));
        forget(range);
        assert!(!note_fault(at as usize));
        // SAFETY: mapped above, and nobody else knows it.
        unsafe { sys::munmap(at as usize, bytes) }.expect("ours");
    }
}
