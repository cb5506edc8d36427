//! Fresh memory: where nothing is, or in place of an allocation of ours.

use pagewright_core::{Access, Machine, PageRange, Refusal, Traits, Watch};

use super::{Chunk, Linux, Strategy, Uniformity, addr, len, prot};
use crate::sys::{self, Backing, Place, Prot};

/// Where fresh memory is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placing {
    /// Where nothing is.
    Free,
    /// In place of an allocation of ours, in one step.
    Over,
}

impl Placing {
    const fn at(self, range: PageRange) -> Place {
        match self {
            Self::Free => Place::Free(addr(range)),
            Self::Over => Place::Over(addr(range)),
        }
    }
}

impl Linux {
    /// Makes `range` ours, of what `traits` say.
    pub(super) fn make(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        match (traits, traits.watch) {
            (Traits::PLAIN, _) => self.reserve_with_guards(range, access),
            (_, Watch::Off) => self.reserve_made_of(range, access, traits),
            (_, Watch::On) => self.reserve_watched(range, access, traits),
        }
    }

    /// Maps it where it is placed. What the kernel refuses may have taken away what stood there all the
    /// same, large pages above all: then the range stays ours, inaccessible, and nobody else gets it.
    pub(super) fn map_placed(&mut self, range: PageRange, prot: Prot, backing: Backing) -> sys::Result<()> {
        // SAFETY: a mapping that replaces nothing, or an allocation that is given up, disturbs nobody.
        let mapped = unsafe { sys::mmap(self.placing.at(range), len(range), prot, backing) };
        if mapped.is_err() && self.placing == Placing::Over {
            let (place, backing) = (Place::Free(addr(range)), Backing::AnonymousNoReserve);
            // SAFETY: it replaces nothing; what stands there still is left alone.
            let _ = unsafe { sys::mmap(place, len(range), Prot::NONE, backing) };
        }
        mapped.map(drop)
    }

    /// Maps fresh pages.
    pub(super) fn reserve_pages(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal> {
        self.budget.need(2)?;
        let access_now = access.map_or(Prot::NONE, prot);
        let mapped = self.map_placed(range, access_now, Backing::AnonymousNoReserve);
        self.told(mapped)?;
        if self.placing == Placing::Over {
            self.forsake_pages(range);
        }
        // Memory of others that stood here may have been promoted.
        self.forget(range);
        self.shown.forget(range);
        self.withheld.forget(range);
        self.wishes.forget(range);
        self.yielded.forget(range);
        self.marked.remove(range);
        match (access, self.choice.strategy) {
            (Some(access), Strategy::Markers) if access.contains(Access::GUARD) => {
                self.arm_reserved(range, access)
            }
            (Some(access), Strategy::Markers) => {
                let chunk = Chunk::Marked { access, uniformity: Uniformity::Uniform };
                self.chunks.insert(range.start().get(), range.end().get(), chunk);
            }
            (None, _) | (_, Strategy::Mprotect) => {}
        }
        Ok(())
    }

    /// Maps fresh memory of a kind, and stores to it are noted.
    fn reserve_watched(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.reserve_made_of(range, None, traits)?;
        let begun = self.begin_watch(range).and_then(|()| match access {
            Some(access) => self.commit(range, range, access),
            None => Ok(()),
        });
        if begun.is_err() {
            self.unmake(range);
        }
        begun
    }

    /// Undoes a mapping that was made just now, and that nobody knows of yet. What it replaced
    /// stays in place, without anything in it: nobody else gets the range.
    pub(super) fn unmake(&mut self, range: PageRange) {
        match self.placing {
            Placing::Free => {
                let _ = self.release(range, range);
            }
            Placing::Over => {
                let _ = self.wipe(range);
                self.forsake_pages(range);
            }
        }
    }

    /// Maps fresh inaccessible memory over a range of ours: content, markers and
    /// access are gone in one step, and no other thread can take the place.
    pub(super) fn wipe(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.budget.note(2);
        // SAFETY: the range lies in a region of ours, and its content is not wanted.
        let mapped = unsafe {
            sys::mmap(Place::Over(addr(range)), len(range), Prot::NONE, Backing::AnonymousNoReserve)
        };
        self.told(mapped.map(drop))?;
        self.withhold(range);
        self.wish_again(range);
        self.yielded.forget(range);
        Ok(())
    }
}
