//! Where a mapping of memory that is there goes, and what goes for it.

use pagewright_core::{Inheritance, MapPlace, Overwrite, Remap, RemapCopy};

use super::super::code::Result;
use super::super::words;
use super::{Remapping, Task, overwrite, place, start};
use crate::memory::Memory;

/// Where a mapping goes, and what a child gets of it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Target {
    pub(in super::super) place: MapPlace,
    pub(in super::super) mask: u64,
    pub(in super::super) overwrite: Overwrite,
    pub(in super::super) inheritance: Inheritance,
}

impl Target {
    /// Anywhere.
    pub(in super::super) const fn anywhere(inheritance: Inheritance) -> Self {
        Self { place: MapPlace::Above(0), mask: 0, overwrite: Overwrite::Refuse, inheritance }
    }

    /// Where the words of a remapping put it.
    pub(in super::super) fn of(request: &Remapping) -> Result<Self> {
        Ok(Self {
            place: place(request.at, request.flags),
            mask: request.mask,
            overwrite: overwrite(request.flags),
            inheritance: words::inheritance(request.inherit)?,
        })
    }

    /// A second mapping there.
    pub(in super::super) const fn remap(&self, source: u64, size: u64, copy: RemapCopy) -> Remap {
        let Self { place, mask, overwrite, inheritance } = *self;
        Remap { source, size, place, mask, copy, inheritance, overwrite }
    }
}

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Makes a mapping with `make`. Where it takes the place of others it is made elsewhere
    /// first: what is there goes when nothing can be refused any more.
    pub(in super::super) fn placed(
        &self,
        size: u64,
        target: &Target,
        make: impl FnOnce(&Target) -> Result<u64>,
    ) -> Result<u64> {
        match (target.place, target.overwrite) {
            (MapPlace::Fixed(_), Overwrite::Replace) => {}
            (MapPlace::Fixed(_), Overwrite::Refuse) | (MapPlace::Above(_), _) => return make(target),
        }
        self.may_replace(target.place, size, target.overwrite)?;
        let away = make(&Target::anywhere(target.inheritance))?;
        let placed = self.memory.remap(&target.remap(away, size, RemapCopy::Share));
        self.discard(away, size);
        Ok(start(placed?.0))
    }
}
