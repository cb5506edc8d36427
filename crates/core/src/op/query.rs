//! Asking what is where.

use crate::access::Protection;
use crate::contract::{Backing, Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::Va;
use crate::region::Region;
use crate::space::AddressSpace;

/// The answer about a page and the pages after it that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The asked address, rounded down to a page.
    pub base: u64,
    /// Bytes from `base` to the end of the run of pages that are alike.
    pub size: u64,
    /// What they are.
    pub state: State,
}

/// What a run of pages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody's.
    Free,
    /// Promised, without memory.
    Reserved {
        /// The base of the allocation.
        allocation: u64,
        /// The protection that the reservation named.
        initial: Protection,
    },
    /// Memory, ours or others'.
    Committed {
        /// The base of the allocation.
        allocation: u64,
        /// The protection that the allocation began with.
        initial: Protection,
        /// The protection now.
        protection: Protection,
        /// What kind of memory.
        backing: Backing,
        /// Who made it.
        owner: Owner,
    },
}

/// Who made a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This address space.
    Own,
    /// The program, its libraries, its kernel.
    Foreign,
}

impl AddressSpace {
    /// What stands at `at`, and how far it goes: from the asked page to the last
    /// page of equal state and protection in the same allocation (facts VQ01 to
    /// VQ09). Takes no memory and no locks.
    ///
    /// # Errors
    /// [`Kind::BadAddress`] above the user range.
    pub fn query<M: Machine>(&self, machine: &M, at: u64) -> Result<Info, Error> {
        let fail = |kind| Error::new(Verb::Query, kind, at, 0);
        if at > self.geometry.highest {
            return Err(fail(Kind::BadAddress));
        }
        let base = self.geometry.page_down(at);
        match self.region_at(Va::new(base)) {
            Some((whole, region)) => Ok(self.query_own(base, whole.start().get(), region)),
            None => self.query_foreign(machine, base).map_err(fail),
        }
    }

    fn query_own(&self, base: u64, allocation: u64, region: &Region) -> Info {
        let page = base / self.geometry.page;
        let end = region.pages.visible_run_end(page) * self.geometry.page;
        let initial = region.initial;
        let state = match region.pages.slot(page).protection() {
            None => State::Reserved { allocation, initial },
            Some(protection) => State::Committed {
                allocation,
                initial,
                protection,
                backing: Backing::Private,
                owner: Owner::Own,
            },
        };
        Info { base, size: end - base, state }
    }

    fn query_foreign<M: Machine>(&self, machine: &M, base: u64) -> Result<Info, Kind> {
        let run = machine.foreign(Va::new(base))?;
        let end = self.foreign_end(Va::new(base), &run).min(self.geometry.user_end());
        // What touches ours from above may be reported as beginning with ours.
        let ours = self.regions.floor(base).map_or(0, |entry| entry.end);
        let state = match run.standing {
            Standing::Free => State::Free,
            Standing::Mapped { protection, initial, allocation, backing } => {
                let allocation = allocation.max(ours.min(base));
                State::Committed { allocation, initial, protection, backing, owner: Owner::Foreign }
            }
        };
        Ok(Info { base, size: end.saturating_sub(base), state })
    }
}
