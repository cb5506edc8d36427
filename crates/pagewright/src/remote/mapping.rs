//! The verbs that work page by page, by way of the resident.

use pagewright_core::wire::{Answer, Request};
use pagewright_core::{
    AddressSpace, AttributeRange, Machine, Map, PageRange, Remap, Restrict, Rights, Surveyed, Unmap, Verb,
    WireRange,
};

use super::{Placing, Remote};
use crate::error::Result;

impl Remote {
    pub(crate) fn map(&self, request: &Map) -> Result<PageRange> {
        self.expect_range(Verb::Allocate, &Request::Map(*request), Placing::IfMissing)
    }

    pub(crate) fn unmap(&self, request: &Unmap) -> Result<PageRange> {
        match self.ask(Verb::Free, &Request::Unmap(*request), Placing::IfInherited)? {
            Some(Answer::Range(range)) => Ok(range),
            Some(_) => Err(self.nonsense(Verb::Free)),
            None => self.unmap_nothing(request),
        }
    }

    pub(crate) fn restrict(&self, request: &Restrict) -> Result<PageRange> {
        self.expect_range(Verb::Protect, &Request::Restrict(*request), Placing::IfMissing)
    }

    pub(crate) fn attribute(&self, request: &AttributeRange) -> Result<PageRange> {
        self.expect_range(Verb::Attribute, &Request::Attribute(*request), Placing::IfMissing)
    }

    pub(crate) fn wire_range(&self, request: &WireRange) -> Result<PageRange> {
        self.expect_range(Verb::Lock, &Request::WireRange(*request), Placing::IfMissing)
    }

    pub(crate) fn remap(&self, request: &Remap) -> Result<(PageRange, Rights, Rights)> {
        match self.ask(Verb::Alias, &Request::Remap(*request), Placing::IfMissing)? {
            Some(Answer::Remapped(range, current, maximum)) => Ok((range, current, maximum)),
            Some(_) | None => Err(self.nonsense(Verb::Alias)),
        }
    }

    pub(crate) fn survey(&self, at: u64) -> Result<Surveyed> {
        match self.ask(Verb::Query, &Request::Survey(at), Placing::Never)? {
            Some(Answer::Surveyed(found)) => Ok(found),
            Some(_) => Err(self.nonsense(Verb::Query)),
            None => {
                let outside = self.outside()?;
                let empty = AddressSpace::new(outside.geometry(), 0);
                empty.survey(&outside, at).map_err(|error| self.refused(error))
            }
        }
    }

    /// Unmapping in a process where nothing is ours: done, unless others are there.
    fn unmap_nothing(&self, request: &Unmap) -> Result<PageRange> {
        let mut outside = self.outside()?;
        let empty = AddressSpace::new(outside.geometry(), 0);
        let done = empty.unmap(&mut outside, request).and_then(|done| done.value);
        done.map_err(|error| self.refused(error))
    }
}
