//! Memory that is made of something special.
//!
//! What the kernel was told of a mapping ends with it. What is wished for a region is
//! remembered here, and said again whenever fresh memory is mapped into it.

use alloc::vec::Vec;

use pagewright_core::interval::IntervalMap;
use pagewright_core::{Access, Inheritance, PageKind, PageRange, Refusal, Traits};

use super::{Chunk, Linux, Strategy, addr, has_node, len, prot};
use crate::sys::{self, Advice, Backing, Errno};

/// What memory is wished to be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    /// The NUMA node whose memory is preferred.
    node: Option<u16>,
    /// Whether pages are to be joined.
    joined: Joined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    No,
    Yes,
}

/// The wishes for parts of regions.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    map: IntervalMap<Wish>,
}

impl Wishes {
    fn parts(&self, range: PageRange) -> Vec<(PageRange, Wish)> {
        let from = self.map.iter_from(range.start().get());
        let part = from.map_while(|entry| {
            let part = PageRange::between(entry.start, entry.end)?.intersection(range)?;
            Some((part, *entry.value))
        });
        part.collect()
    }

    fn add(&mut self, range: PageRange, wish: Wish) {
        self.forget(range);
        self.map.insert(range.start().get(), range.end().get(), wish);
    }

    /// Drops what is wished for `range`.
    pub(super) fn forget(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(found) = self.map.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, wish)) = self.map.remove(found.start) else { return };
            if start < low {
                self.map.insert(start, low, wish);
            }
            if high < end {
                self.map.insert(high, end, wish);
            }
        }
    }
}

impl Linux {
    /// Makes `range` ours, of what `traits` say; whether stores to it are noted is not looked at.
    pub(super) fn reserve_made_of(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        if traits.node.is_some_and(|node| !has_node(node)) {
            return Err(Refusal::NoNode);
        }
        match traits.pages {
            PageKind::Ordinary | PageKind::Joined => self.reserve_with_guards(range, access)?,
            PageKind::Large | PageKind::Huge => self.reserve_large(range, access, traits)?,
            PageKind::Window => self.reserve_window(range)?,
        }
        let joined = if traits.pages == PageKind::Joined { Joined::Yes } else { Joined::No };
        let wish = Wish { node: traits.node, joined };
        if wish != (Wish { node: None, joined: Joined::No }) {
            self.wishes.add(range, wish);
            self.wish_again(range);
        }
        Ok(())
    }

    /// A window begins empty, and is not for children. Its pages are mapped one by one, so
    /// it has no chunks to be opened.
    fn reserve_window(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.reserve_with_guards(range, None)?;
        self.seal(range)
    }

    /// Large pages, all of them there: a pool that runs dry later harms nobody. They are
    /// not for children, which would need as many again to store to them.
    fn reserve_large(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.budget.need(1)?;
        let backing = Backing::Large { size: traits.pages.unit() };
        let access = prot(access.unwrap_or(Access::empty()));
        let mapped = self.map_placed(range, access, backing);
        mapped.map_err(|error| no_large_pages(error).unwrap_or_else(|| self.refusal(error)))?;
        self.forsake_pages(range);
        if let Some(node) = traits.node {
            let _ = self.prefer(addr(range), len(range), node);
        }
        let filled = self.populate(range, traits.pages.unit());
        if filled.is_err() {
            self.unmake(range);
            return Err(Refusal::NoLargePages);
        }
        self.seal(range)
    }

    /// Brings large pages in. Nobody else knows of them yet.
    fn populate(&mut self, range: PageRange, unit: u64) -> sys::Result<()> {
        match self.advise(range, Advice::PopulateWrite) {
            // Before Linux 5.14.
            Err(Errno::EINVAL) => {}
            done => return done,
        }
        for page in (range.start().get()..range.end().get()).step_by(unit as usize) {
            // SAFETY: the page is ours, was mapped just now, and holds zeros.
            let stored = unsafe { sys::process_vm_writev(self.pid, &[0], page as usize) }?;
            if stored != 1 {
                return Err(Errno::ENOMEM);
            }
        }
        Ok(())
    }

    /// A region that is as it is: without chunks, and not for children.
    fn seal(&mut self, range: PageRange) -> Result<(), Refusal> {
        if self.choice.strategy == Strategy::Markers {
            self.record(range, Chunk::Split);
        }
        self.bequeath(range, Inheritance::None).inspect_err(|_| self.unmake(range))
    }

    /// Says of new mappings what is wished for them. What the kernel does not permit was
    /// a wish only.
    pub(super) fn wish_again(&mut self, range: PageRange) {
        for (part, wish) in self.wishes.parts(range) {
            if let Some(node) = wish.node {
                let _ = self.prefer(addr(part), len(part), node);
            }
            match wish.joined {
                Joined::No => {}
                Joined::Yes => {
                    let _ = self.advise(part, Advice::HugePage);
                }
            }
        }
    }
}

/// Whether an error means that there are too few large pages, or none of that size.
const fn no_large_pages(error: Errno) -> Option<Refusal> {
    match error {
        Errno::ENOMEM | Errno::EINVAL | Errno::ENOENT | Errno::EOPNOTSUPP => Some(Refusal::NoLargePages),
        _other => None,
    }
}
