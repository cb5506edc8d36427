//! What a forked child inherits: the map, at a fixed place of the image.
//!
//! ```text
//!   parent   resident ──► map          child   (no thread)   map, as it was at the fork
//!                                      later   resident ──►  the same map, on the same stack and heap
//! ```

use core::cell::UnsafeCell;

use pagewright_core::Error;
use pagewright_core::wire::{Frame, Request};
use pagewright_linux::orphan::Record;
use pagewright_linux::ring::DataArea;

use crate::guard::Wires;
use crate::space::Space;

/// The map, and a record of whether it is whole. The record comes first: callers look for it.
#[derive(Debug)]
#[repr(C)]
pub struct Legacy {
    record: Record,
    /// `None` until the first thread here has made one.
    space: UnsafeCell<Option<Space>>,
}

// SAFETY: the resident has one thread, and tests give each thread its own.
unsafe impl Sync for Legacy {}

/// Where the resident that keeps the map lives and is reached: base and length of each.
#[derive(Clone, Copy, Debug)]
pub struct Abode {
    /// The memory that was injected.
    pub region: (u64, u64),
    /// The ring.
    pub ring: (u64, u64),
}

impl Default for Legacy {
    fn default() -> Self {
        Self::new()
    }
}

impl Legacy {
    /// No map.
    pub const fn new() -> Self {
        Self { record: Record::new(), space: UnsafeCell::new(None) }
    }

    /// Begins with this map.
    pub fn begin(&self, space: Space, abode: Abode) {
        *self.space() = Some(space);
        self.record.publish(abode.region, abode.ring);
    }

    /// Goes on with the map that the parent of this process left here; `false`: there is none that is whole.
    pub fn adopt(&self, abode: Abode) -> bool {
        if !self.record.claim() {
            return false;
        }
        let Some(space) = self.space() else { return false };
        space.inherit();
        self.record.publish(abode.region, abode.ring);
        true
    }

    /// Serves one request; what makes no sense is answered with a protocol error.
    pub fn serve(&self, request: &Frame, data: &DataArea<'_>, overhead: u64) -> Frame {
        let request = Request::decode(request);
        let Some(space) = self.space() else { return Space::protocol_error() };
        if !request.as_ref().is_some_and(changes) {
            return space.serve(request, data, overhead);
        }
        self.record.enter();
        let reply = space.serve(request, data, overhead);
        self.record.leave();
        reply
    }

    /// Says how the guards of this process reach the resident and its callers.
    pub fn connect(&self, wires: Wires) {
        self.change(|space| space.connect(wires));
    }

    /// Accesses wait at guards.
    pub fn attend(&self) {
        self.change(Space::attend);
    }

    /// There is nothing to do.
    pub fn rest(&self) {
        self.change(Space::rest);
    }

    /// Nobody will serve the map any more.
    ///
    /// # Errors
    /// It must be served on.
    pub fn leave(&self) -> Result<(), Error> {
        self.change(Space::leave).unwrap_or(Ok(()))
    }

    /// How many threads of this process serve the map.
    pub fn threads(&self) -> u32 {
        self.space().as_ref().map_or(1, Space::threads)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Space) -> T) -> Option<T> {
        let space = self.space().as_mut()?;
        self.record.enter();
        let done = change(space);
        self.record.leave();
        Some(done)
    }

    /// Forgets the map. What it holds lies in the heap, so it goes without being dropped.
    pub fn end(&self) {
        self.record.clear();
        core::mem::forget(self.space().take());
    }

    #[allow(clippy::mut_from_ref, reason = "one thread uses it, and no reference outlives a call")]
    fn space(&self) -> &mut Option<Space> {
        // SAFETY: one thread uses it, and no reference outlives a call of the methods above.
        unsafe { &mut *self.space.get() }
    }
}

/// Whether a request may change the map or the heap: a copy taken meanwhile is torn.
fn changes(request: &Request) -> bool {
    match request {
        Request::Allocate(_)
        | Request::Free(_)
        | Request::Protect(_)
        | Request::Lock(_)
        | Request::SetLimit(_)
        | Request::ReleaseAll
        | Request::Alias(_)
        | Request::Copy(_)
        | Request::Export(_)
        | Request::Import(_)
        | Request::Lend(_)
        | Request::Map(_)
        | Request::Unmap(_)
        | Request::Restrict(_)
        | Request::Attribute(_)
        | Request::WireRange(_)
        | Request::Remap(_)
        | Request::Written(_)
        | Request::Mark(_)
        | Request::Recycle(_)
        | Request::Frames(_)
        | Request::Guard(_)
        | Request::Meet(_)
        | Request::WriteUnder(..) => true,
        Request::Query(_) | Request::Runs(_) | Request::Stats | Request::CanReach(_) | Request::Survey(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use pagewright_linux::machine::Faults;
    use pagewright_linux::orphan::{Phase, RECORD_LEN, Seen};

    use super::*;

    const ABODE: Abode = Abode { region: (1 << 21, 4096), ring: (1 << 22, 8192) };

    fn seen(legacy: &Legacy) -> Seen {
        // SAFETY: a legacy begins with its record, which is integers without gaps.
        let bytes = unsafe { core::ptr::from_ref(legacy).cast::<[u8; RECORD_LEN]>().read() };
        Seen::parse(&bytes).expect("a record")
    }

    #[test]
    fn a_map_is_adopted_once_whole_and_never_torn() {
        let legacy = Legacy::new();
        assert_eq!(seen(&legacy).phase, Phase::Empty);
        assert!(!legacy.adopt(ABODE), "there is nothing to adopt");
        legacy.begin(Space::new(None, None, Faults::Probed, None), ABODE);
        assert_eq!(seen(&legacy), Seen { phase: Phase::Whole, region: ABODE.region, ring: ABODE.ring });
        let moved = Abode { ring: (1 << 23, 8192), ..ABODE };
        assert!(legacy.adopt(moved));
        assert_eq!(seen(&legacy), Seen { phase: Phase::Whole, region: ABODE.region, ring: moved.ring });
        legacy.record.enter();
        assert!(!legacy.adopt(ABODE), "it was being changed");
        legacy.record.leave();
        legacy.end();
        assert_eq!(seen(&legacy).phase, Phase::Empty);
        assert!(!legacy.adopt(ABODE), "it has ended");
    }
}
