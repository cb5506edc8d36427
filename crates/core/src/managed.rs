//! An address space together with its machine: every verb, decided and applied.

use crate::access::Protection;
use crate::contract::Machine;
use crate::error::Error;
use crate::geometry::PageRange;
use crate::op::{Allocate, Disposal, Free, Info, Lock, Protect};
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

    fn apply<T>(&mut self, done: Done<T>) -> T {
        self.space.apply(&done);
        done.value
    }

    /// See [`AddressSpace::allocate`].
    ///
    /// # Errors
    /// As there.
    pub fn allocate(&mut self, request: &Allocate) -> Result<PageRange, Error> {
        let done = self.space.allocate(&mut self.machine, request)?;
        Ok(self.apply(done))
    }

    /// See [`AddressSpace::free`].
    ///
    /// # Errors
    /// As there.
    pub fn free(&mut self, request: &Free) -> Result<PageRange, Error> {
        let done = self.space.free(&mut self.machine, request)?;
        Ok(self.apply(done))
    }

    /// See [`AddressSpace::protect`].
    ///
    /// # Errors
    /// As there.
    pub fn protect(&mut self, request: &Protect) -> Result<Protection, Error> {
        let done = self.space.protect(&mut self.machine, request)?;
        Ok(self.apply(done))
    }

    /// See [`AddressSpace::lock`].
    ///
    /// # Errors
    /// As there.
    pub fn lock(&mut self, request: &Lock) -> Result<PageRange, Error> {
        let done = self.space.lock(&mut self.machine, request)?;
        self.apply(done)
    }

    /// See [`AddressSpace::query`].
    ///
    /// # Errors
    /// As there.
    pub fn query(&self, at: u64) -> Result<Info, Error> {
        self.space.query(&self.machine, at)
    }

    /// Releases every region, for an owner that ends before its target does.
    ///
    /// # Errors
    /// The first refusal; what was released until then stays released.
    pub fn release_all(&mut self) -> Result<(), Error> {
        loop {
            let first = self.space.regions().next().map(|(range, _)| range.start().get());
            let Some(at) = first else { return Ok(()) };
            self.free(&Free { at, size: 0, disposal: Disposal::Release })?;
        }
    }
}
