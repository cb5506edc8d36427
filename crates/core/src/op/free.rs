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

    /// `size` bytes from `at` become a placeholder of their own: a part of a larger one, or
    /// memory that had taken the place of one.
    pub const fn hold(at: u64, size: u64) -> Self {
        Self { at, size, disposal: Disposal::Hold }
    }

    /// The placeholders that `size` bytes from `at` are made of become one.
    pub const fn join(at: u64, size: u64) -> Self {
        Self { at, size, disposal: Disposal::Join }
    }

    /// The view that holds `at`, which had taken the place of a placeholder: that is put back.
    pub const fn unmap_and_hold(at: u64) -> Self {
        Self { at, size: 0, disposal: Disposal::UnmapAndHold }
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
    /// The memory; the range is a placeholder afterwards (facts PH04, PH18).
    Hold,
    /// The borders between placeholders (fact PH29).
    Join,
    /// The view that holds the address; its range is a placeholder afterwards (fact PH43).
    UnmapAndHold,
}

impl AddressSpace {
    /// Takes memory away, or memory and range. The answer is the range, rounded
    /// out to pages. A release of a part leaves the rest as allocations of their
    /// own (facts VF08 to VF36).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::BadAddress`], [`Kind::BadSize`] for the
    /// arguments; [`Kind::NotAllocated`], [`Kind::ForeignView`],
    /// [`Kind::NotAtBase`], [`Kind::BeyondAllocation`], [`Kind::Fixed`],
    /// [`Kind::NotPlaceholder`] for what is there
    /// (a view is not freed but unmapped, and nothing else is);
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`] when the kernel cannot cut.
    pub fn free<M: Machine>(&self, machine: &mut M, request: &Free) -> Result<Done<PageRange>, Error> {
        let fail = |kind| Error::new(Verb::Free, kind, request.at, request.size);
        let done = match request.disposal {
            Disposal::Decommit => self.decommit(machine, request),
            Disposal::Release | Disposal::Unmap => self.release(machine, request),
            Disposal::Hold => self.hold(machine, request),
            Disposal::Join => self.join_placeholders(request),
            Disposal::UnmapAndHold => self.unmap_and_hold(machine, request.at),
        };
        done.map_err(fail)
    }

    /// How the region at an address goes as a whole.
    pub fn whole_disposal(&self, at: u64) -> Disposal {
        match self.region_at(Va::new(at)).map(|(_, region)| region.form) {
            Some(Form::View(_)) => Disposal::Unmap,
            Some(Form::Memory | Form::Placeholder) | None => Disposal::Release,
        }
    }

    /// The allocation, the part of it that is meant, and what is known of it.
    fn decode_free<M: Machine>(
        &self,
        machine: &M,
        request: &Free,
    ) -> Result<(PageRange, PageRange, &Region), Kind> {
        let touched = self.geometry.touched(request.at, request.size.max(1))?;
        let Some((whole, region)) = self.region_at(touched.start()) else {
            return Err(nothing_allocated(machine, touched));
        };
        match (region.form, request.disposal == Disposal::Unmap) {
            (Form::View(_), true) => return Ok((whole, whole, region)),
            (Form::Memory | Form::Placeholder, true) => return Err(Kind::NotAllocated),
            (Form::View(_), false) => return Err(Kind::ForeignView),
            (Form::Memory | Form::Placeholder, false) => {}
        }
        let partial = touched != whole && request.size > 0;
        if region.traits.pages.is_fixed() && (partial || request.disposal == Disposal::Decommit) {
            return if whole.covers(touched) { Err(Kind::Fixed) } else { Err(Kind::BeyondAllocation) };
        }
        if request.size == 0 {
            let at_base = touched.start() == whole.start();
            return if at_base { Ok((whole, whole, region)) } else { Err(Kind::NotAtBase) };
        }
        if whole.covers(touched) { Ok((whole, touched, region)) } else { Err(Kind::BeyondAllocation) }
    }

    fn release<M: Machine>(&self, machine: &mut M, request: &Free) -> Result<Done<PageRange>, Kind> {
        let (whole, range, _) = self.decode_free(machine, request)?;
        machine.release(whole, range)?;
        self.let_go(machine, &[range], &[]);
        Ok(Done::new(range, Edit::Remove { range }))
    }

    fn decommit<M: Machine>(&self, machine: &mut M, request: &Free) -> Result<Done<PageRange>, Kind> {
        let (whole, range, region) = self.decode_free(machine, request)?;
        let committed = region.committed_bytes(&self.geometry, range);
        if committed == 0 {
            return Ok(Done::unchanged(range));
        }
        let freed = self.charged_of(region, range, committed);
        machine.decommit(whole, range)?;
        self.let_go(machine, &[range], &[]);
        Ok(Done::new(range, Edit::Pages { range, change: Change::Decommit { freed } }))
    }
}

/// Why nothing can be freed where no region of ours is.
pub(super) fn nothing_allocated<M: Machine>(machine: &M, range: PageRange) -> Kind {
    match machine.foreign(range.start()).map(|run| run.standing) {
        Ok(Standing::Mapped { backing: Backing::View | Backing::Image, .. }) => Kind::ForeignView,
        Ok(Standing::Mapped { backing: Backing::Private, .. } | Standing::Free) | Err(_) => {
            Kind::NotAllocated
        }
    }
}
