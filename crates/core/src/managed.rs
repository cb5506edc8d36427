//! An address space together with its machine: every verb, decided and applied.

use alloc::vec::Vec;

use crate::access::{Protection, Rights};
use crate::contract::{Machine, Survival};
use crate::error::Error;
use crate::geometry::PageRange;
use crate::object::{Extent, ObjectId};
use crate::op::{
    Alias, Allocate, AttributeRange, CopyRange, Export, Fork, FrameCall, Free, Import, Info, Lock, Map,
    MapView, Mark, Meeting, NewSection, Protect, Recycle, Remap, Restrict, Surveyed, Unmap, WireRange,
    Written,
};
use crate::space::{AddressSpace, Done};

/// One truth and its cache, for an owner that needs no lock-free readers.
#[derive(Clone, Debug)]
pub struct Managed<M> {
    space: AddressSpace,
    machine: M,
}

impl<M: Machine> Managed<M> {
    /// An empty address space on `machine` that may promise `limit` bytes.
    pub fn new(machine: M, limit: u64) -> Self {
        Self { space: AddressSpace::new(machine.geometry(), limit), machine }
    }

    /// The truth.
    pub const fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// The truth, to set its limit.
    pub const fn space_mut(&mut self) -> &mut AddressSpace {
        &mut self.space
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, for what only it can do (loads and stores of a guest).
    pub const fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The truth to look at, and the machine to be told what no verb tells it.
    pub const fn parts_mut(&mut self) -> (&AddressSpace, &mut M) {
        (&self.space, &mut self.machine)
    }

    /// Makes the machine forget an object that it was given, and that no verb has used.
    pub fn drop_unknown(&mut self, object: ObjectId) {
        if self.space.objects().all(|(known, _)| known != object) {
            self.machine.close(object);
        }
    }

    /// Decides, tells the machine, and applies the edit.
    fn perform<T>(
        &mut self,
        decide: impl FnOnce(&AddressSpace, &mut M) -> Result<Done<T>, Error>,
    ) -> Result<T, Error> {
        if let Some(noticed) = self.space.notice_forks(&mut self.machine) {
            self.apply(noticed);
        }
        let done = decide(&self.space, &mut self.machine)?;
        Ok(self.apply(done))
    }

    fn apply<T>(&mut self, done: Done<T>) -> T {
        self.space.apply(&done);
        done.value
    }

    /// See [`AddressSpace::allocate`].
    ///
    /// # Errors
    /// As there.
    pub fn allocate(&mut self, request: &Allocate) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.allocate(machine, request))
    }

    /// See [`AddressSpace::free`].
    ///
    /// # Errors
    /// As there.
    pub fn free(&mut self, request: &Free) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.free(machine, request))
    }

    /// See [`AddressSpace::protect`].
    ///
    /// # Errors
    /// As there.
    pub fn protect(&mut self, request: &Protect) -> Result<Protection, Error> {
        self.perform(|space, machine| space.protect(machine, request))
    }

    /// See [`AddressSpace::lock`].
    ///
    /// # Errors
    /// As there.
    pub fn lock(&mut self, request: &Lock) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.lock(machine, request))?
    }

    /// See [`AddressSpace::alias`].
    ///
    /// # Errors
    /// As there.
    pub fn alias(&mut self, request: &Alias) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.alias(machine, request))?
    }

    /// See [`AddressSpace::export`].
    ///
    /// # Errors
    /// As there.
    pub fn export(&mut self, request: &Export) -> Result<Vec<Extent>, Error> {
        self.perform(|space, machine| space.export(machine, request))?
    }

    /// See [`AddressSpace::import`].
    ///
    /// # Errors
    /// As there.
    pub fn import(&mut self, request: &Import<'_>) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.import(machine, request))
    }

    /// See [`AddressSpace::copy`].
    ///
    /// # Errors
    /// As there.
    pub fn copy(&mut self, request: &CopyRange) -> Result<u64, Error> {
        self.perform(|space, machine| space.copy(machine, request))?
    }

    /// See [`AddressSpace::map`].
    ///
    /// # Errors
    /// As there.
    pub fn map(&mut self, request: &Map) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.map(machine, request))?
    }

    /// See [`AddressSpace::unmap`].
    ///
    /// # Errors
    /// As there.
    pub fn unmap(&mut self, request: &Unmap) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.unmap(machine, request))?
    }

    /// See [`AddressSpace::restrict`].
    ///
    /// # Errors
    /// As there.
    pub fn restrict(&mut self, request: &Restrict) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.restrict(machine, request))?
    }

    /// See [`AddressSpace::attribute`].
    ///
    /// # Errors
    /// As there.
    pub fn attribute(&mut self, request: &AttributeRange) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.attribute(machine, request))?
    }

    /// See [`AddressSpace::wire_range`].
    ///
    /// # Errors
    /// As there.
    pub fn wire_range(&mut self, request: &WireRange) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.wire_range(machine, request))
    }

    /// See [`AddressSpace::remap`].
    ///
    /// # Errors
    /// As there.
    pub fn remap(&mut self, request: &Remap) -> Result<(PageRange, Rights, Rights), Error> {
        self.perform(|space, machine| space.remap(machine, request))?
    }

    /// See [`AddressSpace::create_section`].
    ///
    /// # Errors
    /// As there.
    pub fn create_section(&mut self, request: &NewSection) -> Result<ObjectId, Error> {
        self.perform(|space, machine| space.create_section(machine, request))
    }

    /// See [`AddressSpace::close_section`].
    ///
    /// # Errors
    /// As there.
    pub fn close_section(&mut self, object: ObjectId) -> Result<(), Error> {
        self.perform(|space, machine| space.close_section(machine, object))
    }

    /// See [`AddressSpace::map_view`].
    ///
    /// # Errors
    /// As there.
    pub fn map_view(&mut self, request: &MapView) -> Result<PageRange, Error> {
        self.perform(|space, machine| space.map_view(machine, request))
    }

    /// See [`AddressSpace::written`].
    ///
    /// # Errors
    /// As there.
    pub fn written(&mut self, request: &Written) -> Result<Vec<PageRange>, Error> {
        self.perform(|space, machine| space.written(machine, request))
    }

    /// See [`AddressSpace::mark`].
    ///
    /// # Errors
    /// As there.
    pub fn mark(&mut self, request: &Mark) -> Result<(), Error> {
        self.perform(|space, machine| space.mark(machine, request))
    }

    /// See [`AddressSpace::recycle`].
    ///
    /// # Errors
    /// As there.
    pub fn recycle(&mut self, request: &Recycle) -> Result<Survival, Error> {
        self.perform(|space, machine| space.recycle(machine, request))
    }

    /// See [`AddressSpace::frames`].
    ///
    /// # Errors
    /// As there.
    pub fn frames(&mut self, call: FrameCall<'_>) -> Result<Vec<u64>, Error> {
        self.perform(|space, machine| space.frames(machine, call))
    }

    /// See [`AddressSpace::meet`].
    ///
    /// # Errors
    /// As there.
    pub fn meet(&mut self, at: u64) -> Result<Meeting, Error> {
        self.perform(|space, machine| space.meet(machine, at))
    }

    /// See [`AddressSpace::survey`].
    ///
    /// # Errors
    /// As there.
    pub fn survey(&self, at: u64) -> Result<Surveyed, Error> {
        self.space.survey(&self.machine, at)
    }

    /// See [`AddressSpace::query`].
    ///
    /// # Errors
    /// As there.
    pub fn query(&self, at: u64) -> Result<Info, Error> {
        self.space.query(&self.machine, at)
    }

    /// See [`AddressSpace::before_fork`].
    pub fn before_fork(&mut self) -> Fork {
        let done = self.space.before_fork(&mut self.machine);
        self.apply(done)
    }

    /// See [`AddressSpace::after_fork`].
    pub fn after_fork(&mut self, fork: &Fork) {
        self.space.after_fork(&mut self.machine, fork);
    }

    /// See [`AddressSpace::in_fork`].
    pub fn in_fork(&mut self, fork: &Fork) {
        let done = self.space.in_fork(&mut self.machine, fork);
        self.apply(done);
    }

    /// See [`AddressSpace::in_bare_fork`].
    pub fn in_bare_fork(&mut self) {
        let done = self.space.in_bare_fork(&mut self.machine);
        self.apply(done);
    }

    /// Releases every region, for an owner that ends before its target does.
    ///
    /// # Errors
    /// The first refusal; what was released until then stays released.
    pub fn release_all(&mut self) -> Result<(), Error> {
        loop {
            let first = self.space.regions().next().map(|(range, _)| range.start().get());
            let Some(at) = first else { return Ok(()) };
            let disposal = self.space.whole_disposal(at);
            self.free(&Free { at, size: 0, disposal })?;
        }
    }
}
