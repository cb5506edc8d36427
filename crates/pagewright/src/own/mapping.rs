//! The verbs that work page by page, on this process.

use pagewright_core::{
    AddressSpace, AttributeRange, Geometry, Map, PageRange, Remap, Restrict, Rights, Surveyed, Unmap, Verb,
    WireRange,
};
use pagewright_linux::machine::Linux;

use super::{OWN, ours, perform};
use crate::error::Result;

pub(crate) fn map(request: &Map) -> Result<PageRange> {
    perform(Verb::Allocate, |space, machine| space.map(machine, request))?.map_err(ours)
}

pub(crate) fn unmap(request: &Unmap) -> Result<PageRange> {
    perform(Verb::Free, |space, machine| space.unmap(machine, request))?.map_err(ours)
}

pub(crate) fn restrict(request: &Restrict) -> Result<PageRange> {
    perform(Verb::Protect, |space, machine| space.restrict(machine, request))?.map_err(ours)
}

pub(crate) fn attribute(request: &AttributeRange) -> Result<PageRange> {
    perform(Verb::Attribute, |space, machine| space.attribute(machine, request))?.map_err(ours)
}

pub(crate) fn wire_range(request: &WireRange) -> Result<PageRange> {
    perform(Verb::Lock, |space, machine| space.wire_range(machine, request))
}

pub(crate) fn remap(request: &Remap) -> Result<(PageRange, Rights, Rights)> {
    perform(Verb::Alias, |space, machine| space.remap(machine, request))?.map_err(ours)
}

/// Takes no lock: may run in a signal handler.
pub(crate) fn survey(at: u64) -> Result<Surveyed> {
    let look = |space: &AddressSpace| space.survey(&Linux::viewer(*space.geometry()), at);
    match OWN.get() {
        Some(own) => own.read(look),
        None => look(&AddressSpace::new(Geometry::X86_64, 0)),
    }
    .map_err(ours)
}
