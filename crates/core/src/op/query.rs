//! Asking what is where.

use crate::access::{Protection, Rights};
use crate::contract::{Backing, Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::region::{Form, Region};
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
        /// What kind of memory it will be.
        backing: Backing,
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

impl Info {
    /// Whether a store to the page makes it another one: then the machine knows more.
    const fn is_copying(&self) -> bool {
        match self.state {
            State::Committed { protection, .. } => protection.rights.contains(Rights::COPY),
            State::Free | State::Reserved { .. } => false,
        }
    }
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
            Some((whole, region)) => Ok(self.query_own(machine, base, whole.start().get(), region)),
            None => self.query_foreign(machine, base).map_err(fail),
        }
    }

    /// The answer of [`Self::query`] where the truth alone knows it: for whoever would have to make
    /// a machine to ask. Takes no memory and no locks.
    pub fn query_known(&self, at: u64) -> Option<Info> {
        let base = self.geometry.page_down(at);
        let (whole, region) = self.region_at(Va::new(base))?;
        let info = self.recorded(base, whole.start().get(), region);
        if info.is_copying() { None } else { Some(info) }
    }

    fn query_own<M: Machine>(&self, machine: &M, base: u64, allocation: u64, region: &Region) -> Info {
        let mut info = self.recorded(base, allocation, region);
        if let State::Committed { protection, .. } = &mut info.state {
            (*protection, info.size) = self.stored_run(machine, base, info.size, *protection);
        }
        info
    }

    /// What the truth knows of the pages from `base` on.
    fn recorded(&self, base: u64, allocation: u64, region: &Region) -> Info {
        let (slot, end) = region.pages.visible_run(self.geometry.page_number(base));
        let (initial, size) = (region.initial, end * self.geometry.page - base);
        let backing = match region.form {
            Form::Memory | Form::Placeholder => Backing::Private,
            Form::View(_) => Backing::View,
        };
        let owner = Owner::Own;
        let state = match slot.protection() {
            None => State::Reserved { allocation, initial, backing },
            Some(protection) => State::Committed { allocation, initial, protection, backing, owner },
        };
        Info { base, size, state }
    }

    /// How the first page of a run that is protected alike is reported, and the bytes up to
    /// the first one that is reported otherwise (CW02, CW05, VP37).
    fn stored_run<M: Machine>(
        &self,
        machine: &M,
        base: u64,
        bytes: u64,
        protection: Protection,
    ) -> (Protection, u64) {
        match PageRange::between(base, base + bytes) {
            Some(range) => {
                let (protection, end) = self.as_stored(machine, range, protection);
                (protection, end - base)
            }
            None => (protection, bytes),
        }
    }

    /// A protection that copies, as the first page of the range has it: a page that was
    /// stored to is the owner's alone, and is simply stored to from then on. And where
    /// pages begin that have it otherwise.
    pub(super) fn as_stored<M: Machine>(
        &self,
        machine: &M,
        range: PageRange,
        protection: Protection,
    ) -> (Protection, u64) {
        if !protection.rights.contains(Rights::COPY) {
            return (protection, range.end().get());
        }
        let run = StoredRun::find(machine, range);
        let protection = match run.stored {
            Some(Stored::Yes) => protection.privatised(),
            Some(Stored::No) | None => protection,
        };
        (protection, run.end)
    }

    /// The same for memory of an image, which the kernel lets be stored to.
    pub(super) fn image_as_stored<M: Machine>(
        &self,
        machine: &M,
        range: PageRange,
        protection: Protection,
        backing: Backing,
    ) -> (Protection, u64) {
        match backing {
            Backing::Image if protection.rights.contains(Rights::WRITE) => {
                let run = StoredRun::find(machine, range);
                match run.stored {
                    Some(Stored::No) => (protection.copying(), run.end),
                    // Where nobody can tell, it is as the kernel has it.
                    Some(Stored::Yes) | None => (protection, run.end),
                }
            }
            Backing::Image | Backing::Private | Backing::View => (protection, range.end().get()),
        }
    }

    fn query_foreign<M: Machine>(&self, machine: &M, base: u64) -> Result<Info, Kind> {
        let run = machine.foreign(Va::new(base))?;
        let end = self.foreign_end(Va::new(base), &run).min(self.geometry.user_end());
        // What touches ours from above may be reported as beginning with ours.
        let ours = self.regions.floor(base).map_or(0, |entry| entry.end);
        let (state, end) = match run.standing {
            Standing::Free => (State::Free, end),
            Standing::Mapped { protection, initial, allocation, backing } => {
                let allocation = allocation.max(ours.min(base));
                let range = PageRange::between(base, end).ok_or(Kind::BadAddress)?;
                let (protection, end) = self.image_as_stored(machine, range, protection, backing);
                let owner = Owner::Foreign;
                (State::Committed { allocation, initial, protection, backing, owner }, end)
            }
        };
        Ok(Info { base, size: end.saturating_sub(base), state })
    }
}

/// Whether a page was stored to since it shows what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Yes,
    No,
}

/// A run of pages that were all stored to, or all not.
#[derive(Clone, Copy, Debug)]
struct StoredRun {
    /// `None` where the machine does not know.
    stored: Option<Stored>,
    end: u64,
    broken: bool,
}

/// How many bytes are looked at in one go: a long run is rare, and asking takes no memory.
const LOOK: u64 = 2 << 20;

impl StoredRun {
    /// The run at the start of a range.
    fn find<M: Machine>(machine: &M, range: PageRange) -> Self {
        let mut run = Self { stored: None, end: range.start().get(), broken: false };
        while !run.broken && run.end < range.end().get() {
            let stop = range.end().get().min(run.end + LOOK);
            let Some(window) = PageRange::between(run.end, stop) else { break };
            let known = machine.privatised(window, &mut |hit| {
                run.add(hit.start().get(), Stored::No);
                run.add(hit.end().get(), Stored::Yes);
            });
            if known.is_err() {
                return Self { stored: None, end: range.end().get(), broken: true };
            }
            run.add(stop, Stored::No);
        }
        run
    }

    /// The pages up to `end` are like this.
    fn add(&mut self, end: u64, stored: Stored) {
        if self.broken || end <= self.end {
            return;
        }
        match self.stored {
            Some(other) if other != stored => self.broken = true,
            Some(_) | None => (self.stored, self.end) = (Some(stored), end),
        }
    }
}
