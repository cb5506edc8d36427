//! Placeholders: ranges that wait for memory or a view, and get it with nobody in between.
//!
//! ```text
//!   allocate   Action::Placeholder: one more        Place::Placeholder: memory instead of one
//!   map_view   Place::Placeholder: a view instead of one
//!   free       Hold: a part of one, or what replaced one, is one of its own
//!              Join: several are one                UnmapAndHold: a view is one again
//! ```
//!
//! All pages of a placeholder are reserved, and its mapping is as it was made. So splitting and
//! joining them change the truth alone.

use alloc::vec;
use alloc::vec::Vec;

use crate::access::{Attributes, Protection};
use crate::contract::Machine;
use crate::error::Kind;
use crate::geometry::{PageRange, Va};
use crate::object::Promise;
use crate::op::allocate::{Allocate, access_of, inserted};
use crate::op::free::{Free, nothing_allocated};
use crate::region::{Form, Ground, Region};
use crate::space::{AddressSpace, Done, Edit};
use crate::traits::Traits;

impl AddressSpace {
    /// The placeholder that `size` bytes from `at` are, all of it (PH08).
    pub(super) fn placeholder(&self, at: u64, size: u64) -> Result<(PageRange, &Region), Kind> {
        let range = self.geometry.touched(at, size)?;
        match self.region_at(range.start()) {
            Some((whole, region)) if region.form == Form::Placeholder && whole == range => {
                Ok((whole, region))
            }
            Some(_) | None => Err(Kind::NotPlaceholder),
        }
    }

    /// Memory takes the place of a placeholder (PH03, PH12).
    pub(super) fn replace<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let (range, region) = self.placeholder(at, request.size)?;
        let unit = request.traits.pages.unit().max(1);
        if !range.start().is_aligned(unit) {
            return Err(Kind::Misaligned);
        }
        self.afford(request, range.bytes())?;
        let access = access_of(request);
        if request.traits != Traits::PLAIN {
            machine.renew(range, access, request.traits)?;
        } else if let Some(access) = access
            && let Err(refusal) = machine.commit(range, range, access)
        {
            machine.resync(range, range, &self.truth(region, range));
            return Err(refusal.into());
        }
        let made = inserted(range, request, None).edit;
        let ground = Edit::Ground { at: range.start(), ground: Ground::Placeholder };
        Ok(Done::new(range, Edit::Batch(vec![Edit::Remove { range }, made, ground])))
    }

    /// A part of a placeholder becomes one of its own, or memory that replaced one is one
    /// again.
    pub(super) fn hold<M: Machine>(&self, machine: &mut M, request: &Free) -> Result<Done<PageRange>, Kind> {
        let range = self.geometry.touched(request.at, request.size)?;
        let Some((whole, region)) = self.region_at(range.start()) else {
            return Err(nothing_allocated(machine, range));
        };
        match (region.form, region.ground) {
            (Form::View(_), _) => Err(Kind::ForeignView), // PH37, PH42
            (Form::Placeholder, _) if whole.covers(range) && whole != range => Ok(split(whole, range)),
            (Form::Memory, Ground::Placeholder) if whole == range => self.put_back(machine, range),
            (Form::Memory | Form::Placeholder, _) => Err(Kind::NotPlaceholder), // PH15, PH16
        }
    }

    /// A view that replaced a placeholder is one again.
    pub(super) fn unmap_and_hold<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
    ) -> Result<Done<PageRange>, Kind> {
        let touched = self.geometry.touched(at, 1)?;
        let Some((whole, region)) = self.region_at(touched.start()) else {
            return Err(nothing_allocated(machine, touched));
        };
        match (region.form, region.ground) {
            (Form::View(_), Ground::Placeholder) => self.put_back(machine, whole),
            (Form::View(_), Ground::Free) => Err(Kind::NotPlaceholder), // PH38
            (Form::Memory | Form::Placeholder, _) => Err(Kind::NotAllocated), // PH45
        }
    }

    /// Two or more placeholders that are exactly the range become one (PH22 to PH31).
    pub(super) fn join_placeholders(&self, request: &Free) -> Result<Done<PageRange>, Kind> {
        let range = self.geometry.touched(request.at, request.size)?;
        let parts: Vec<_> = self.ours_in(range).collect();
        let is_one = |(whole, part): &(PageRange, PageRange)| {
            let region = self.region_at(whole.start());
            whole == part && region.is_some_and(|(_, region)| region.form == Form::Placeholder)
        };
        let bytes: u64 = parts.iter().map(|(_, part)| part.bytes()).sum();
        if parts.len() < 2 || bytes != range.bytes() || !parts.iter().all(is_one) {
            return Err(Kind::NotPlaceholder);
        }
        let mut edits: Vec<_> = parts.iter().map(|(range, _)| Edit::Remove { range: *range }).collect();
        edits.extend(placed(range));
        Ok(Done::new(range, Edit::Batch(edits)))
    }

    /// Whatever is allocated at `range`, as a whole, goes, and a placeholder stays.
    fn put_back<M: Machine>(&self, machine: &mut M, range: PageRange) -> Result<Done<PageRange>, Kind> {
        machine.renew(range, None, Traits::PLAIN)?;
        self.let_go(machine, &[range], &[]);
        let mut edits = vec![Edit::Remove { range }];
        edits.extend(placed(range));
        Ok(Done::new(range, Edit::Batch(edits)))
    }

    pub(crate) fn ground_region(&mut self, at: Va, ground: Ground) {
        if let Some(((start, _), region)) = self.regions.at_or_after_mut(at.get())
            && start == at.get()
        {
            region.ground = ground;
        }
    }
}

/// A placeholder becomes two or three, of which `part` is one (PH18 to PH20).
fn split(whole: PageRange, part: PageRange) -> Done<PageRange> {
    let below = PageRange::between(whole.start().get(), part.start().get());
    let above = PageRange::between(part.end().get(), whole.end().get());
    let mut edits = vec![Edit::Remove { range: whole }];
    edits.extend([below, Some(part), above].into_iter().flatten().flat_map(placed));
    Done::new(part, Edit::Batch(edits))
}

/// What makes a range, of which nothing is allocated any more, a placeholder.
fn placed(range: PageRange) -> [Edit; 2] {
    let insert = Edit::Insert {
        range,
        initial: Protection::NONE,
        committed: None,
        attributes: Attributes::default(),
        promise: Promise::Full,
        traits: Traits::PLAIN,
    };
    [insert, Edit::Form { at: range.start(), form: Form::Placeholder }]
}
