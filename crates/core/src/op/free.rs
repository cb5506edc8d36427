//! Decommit and release.

use crate::contract::{Backing, Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::region::{Form, Region};
use crate::space::{AddressSpace, Change, Done, Edit};

/// A request to give memory back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Where.
    pub at: u64,
    /// How many bytes; 0 for the whole allocation, `at` being in its first page.
    pub size: u64,
    /// What to give back.
    pub disposal: Disposal,
}

impl Free {
    /// The whole allocation that `base` is the base of, memory and range.
    pub const fn release(base: u64) -> Self {
        Self { at: base, size: 0, disposal: Disposal::Release }
    }

    /// The view that holds `at`.
    pub const fn unmap(at: u64) -> Self {
        Self { at, size: 0, disposal: Disposal::Unmap }
    }

    /// The memory of `size` bytes from `at`; the range stays promised.
    pub const fn decommit(at: u64, size: u64) -> Self {
        Self { at, size, disposal: Disposal::Decommit }
    }
}

/// What to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposal {
    /// The memory; the range stays promised.
    Decommit,
    /// The memory and the range.
    Release,
    /// The view that holds the address, whatever the size (fact MV13).
    Unmap,
}

impl AddressSpace {
    /// Takes memory away, or memory and range. The answer is the range, rounded
    /// out to pages. A release of a part leaves the rest as allocations of their
    /// own (facts VF08 to VF36).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::BadAddress`], [`Kind::BadSize`] for the
    /// arguments; [`Kind::NotAllocated`], [`Kind::ForeignView`],
    /// [`Kind::NotAtBase`], [`Kind::BeyondAllocation`], [`Kind::Fixed`] for what is there
    /// (a view is not freed but unmapped, and nothing else is);
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`] when the kernel cannot cut.
    pub fn free<M: Machine>(&self, machine: &mut M, request: &Free) -> Result<Done<PageRange>, Error> {
        let fail = |kind| Error::new(Verb::Free, kind, request.at, request.size);
        let (whole, range) = self.decode_free(machine, request).map_err(fail)?;
        let Some((_, region)) = self.region_at(range.start()) else {
            return Err(fail(Kind::NotAllocated));
        };
        let done = match request.disposal {
            Disposal::Decommit => self.decommit(machine, whole, range, region),
            Disposal::Release | Disposal::Unmap => self.release(machine, whole, range),
        };
        done.map_err(fail)
    }

    /// How the region at an address goes as a whole.
    pub fn whole_disposal(&self, at: u64) -> Disposal {
        match self.region_at(Va::new(at)).map(|(_, region)| region.form) {
            Some(Form::View(_)) => Disposal::Unmap,
            Some(Form::Memory) | None => Disposal::Release,
        }
    }

    /// The allocation, and the part of it that is meant.
    fn decode_free<M: Machine>(&self, machine: &M, request: &Free) -> Result<(PageRange, PageRange), Kind> {
        let touched = self.geometry.touched(request.at, request.size.max(1))?;
        let Some((whole, region)) = self.region_at(touched.start()) else {
            return Err(nothing_allocated(machine, touched));
        };
        match (request.disposal, region.form) {
            (Disposal::Unmap, Form::View(_)) => return Ok((whole, whole)),
            (Disposal::Unmap, Form::Memory) => return Err(Kind::NotAllocated),
            (Disposal::Decommit | Disposal::Release, Form::View(_)) => return Err(Kind::ForeignView),
            (Disposal::Decommit | Disposal::Release, Form::Memory) => {}
        }
        let partial = touched != whole && request.size > 0;
        if region.traits.pages.is_fixed() && (partial || request.disposal == Disposal::Decommit) {
            return if whole.covers(touched) { Err(Kind::Fixed) } else { Err(Kind::BeyondAllocation) };
        }
        if request.size == 0 {
            return if touched.start() == whole.start() { Ok((whole, whole)) } else { Err(Kind::NotAtBase) };
        }
        if whole.covers(touched) { Ok((whole, touched)) } else { Err(Kind::BeyondAllocation) }
    }

    fn release<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
    ) -> Result<Done<PageRange>, Kind> {
        machine.release(whole, range)?;
        self.let_go(machine, &[range], &[]);
        Ok(Done::new(range, Edit::Remove { range }))
    }

    fn decommit<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
        region: &Region,
    ) -> Result<Done<PageRange>, Kind> {
        if region.committed_bytes(&self.geometry, range) == 0 {
            return Ok(Done::unchanged(range));
        }
        let freed = self.charged(region, range);
        machine.decommit(whole, range)?;
        self.let_go(machine, &[range], &[]);
        Ok(Done::new(range, Edit::Pages { range, change: Change::Decommit { freed } }))
    }
}

/// Why nothing can be freed where no region of ours is.
fn nothing_allocated<M: Machine>(machine: &M, range: PageRange) -> Kind {
    match machine.foreign(range.start()).map(|run| run.standing) {
        Ok(Standing::Mapped { backing: Backing::View | Backing::Image, .. }) => Kind::ForeignView,
        Ok(Standing::Mapped { backing: Backing::Private, .. } | Standing::Free) | Err(_) => {
            Kind::NotAllocated
        }
    }
}
