//! A process without a resident, as a machine: it can be looked at, no more.

use pagewright_core::{
    Access, After, Content, ForeignRun, Geometry, Machine, ObjectId, PageRange, Refusal, Showing, Survival,
    Traits, Truth, Va,
};
use pagewright_linux::machine::{MapsFile, PageList, foreign};
use pagewright_linux::sys::Fd;
use rustix::fd::{IntoRawFd, OwnedFd};
use rustix::fs::OFlags;

use crate::target::Target;

/// The list of mappings of another process.
#[derive(Debug)]
pub(super) struct Outside {
    maps: MapsFile,
    /// Its pages, where the kernel permits to look.
    pages: Option<PageList>,
}

impl Outside {
    pub(super) fn open(target: &Target) -> Result<Self, rustix::io::Errno> {
        // SAFETY: the number comes out of an owner that gave it up, so it is open and ours.
        let held = |file: OwnedFd| unsafe { Fd::from_raw(file.into_raw_fd()) };
        let maps = held(target.open_memory("maps", OFlags::RDONLY)?);
        let pages = target.open_memory("pagemap", OFlags::RDONLY).ok();
        Ok(Self { maps: MapsFile::Held(maps), pages: pages.map(|file| PageList::of(held(file))) })
    }
}

/// Whatever changes something cannot be done from outside.
const NOT_FROM_OUTSIDE: Refusal = Refusal::Denied;

impl Machine for Outside {
    fn geometry(&self) -> Geometry {
        Geometry::X86_64
    }

    fn reserve(&mut self, _: PageRange, _: Option<Access>) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn reserve_special(&mut self, _: PageRange, _: Option<Access>, _: Traits) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn written(
        &mut self,
        _: PageRange,
        _: PageRange,
        _: u64,
        _: After,
        _: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn forget_written(&mut self, _: PageRange, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn yield_content(&mut self, _: PageRange, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn keep(&mut self, _: PageRange, _: PageRange) -> Result<Survival, Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn commit(&mut self, _: PageRange, _: PageRange, _: Access) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn decommit(&mut self, _: PageRange, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn protect(&mut self, _: PageRange, _: PageRange, _: Access) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn release(&mut self, _: PageRange, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn wire(&mut self, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn unwire(&mut self, _: PageRange) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    /// There is no cache of ours in that process.
    fn resync(&mut self, _: PageRange, _: PageRange, _: &dyn Truth) {}

    fn create(&mut self, _: ObjectId, _: u64) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    /// Nothing of ours is there to be discarded, nor to be closed.
    fn discard(&mut self, _: ObjectId, _: u64, _: u64) {}

    fn close(&mut self, _: ObjectId) {}

    fn show(&mut self, _: PageRange, _: PageRange, _: Content, _: Access) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn promote(&mut self, _: &[Showing], _: Content) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn recognise(&self, _: PageRange) -> Option<Content> {
        None
    }

    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        let pages = self.pages.as_ref().ok_or(NOT_FROM_OUTSIDE)?;
        pages.privatised(range, report).map_err(|error| Refusal::Other(error.raw() as u16))
    }

    fn transfer(&mut self, _: &[Showing], _: Va, _: Va, _: u64) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn occupied(&self, _: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        foreign(&self.maps, at.get(), self.geometry().user_end())
            .map_err(|error| Refusal::Other(error.raw() as u16))
    }

    fn protect_foreign(&mut self, _: PageRange, _: Access) -> Result<(), Refusal> {
        Err(NOT_FROM_OUTSIDE)
    }

    fn read(&self, _: Va, _: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, _: Va, _: &[u8]) -> usize {
        0
    }
}
