//! Objects: bytes that several ranges can show.
//!
//! ```text
//!   pages of the guest        views                objects               frames
//!
//!   [ rw | shared .. ]  -->  object 7, +0x40  -->  7: [ - | f1 | - ]  -->  | f1 | f2 |
//!   [ r  | shared .. ]  -->  object 7, -0x80  --^                            ^
//!   [ rw | snapshot, f2 ] - - - - (not looked up: it has a frame) - - - - - -+
//! ```
//!
//! The frame of an object's page belongs to the object. A page of the guest that shows
//! it names no frame, but is looked up here on a TLB miss: so all views agree, and
//! nobody has to find the others when one of them gives the page its first bytes.

use alloc::collections::BTreeMap;
use core::ops::{ControlFlow, Range};

use pagewright_core::{Content, ObjectId, Refusal};

use crate::frame::Frame;
use crate::table::{Entry, Table};

/// The object that pages show, and how their numbers become its: the same for all
/// pages of a run, so that the table of them has one entry for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    object: ObjectId,
    /// What to add to a page's number, modulo 2^64.
    offset: u64,
}

impl Window {
    /// The window through which page `number` shows `content`.
    pub(crate) const fn new(number: u64, content: Content) -> Self {
        Self { object: content.object, offset: content.first.wrapping_sub(number) }
    }

    /// What page `number` shows.
    pub(crate) const fn of(self, number: u64) -> Slot {
        Slot { object: self.object, page: number.wrapping_add(self.offset) }
    }

    /// The page that shows `slot` through this window, if there is one.
    pub(crate) fn page_of(self, slot: Slot) -> Option<u64> {
        (slot.object == self.object).then(|| slot.page.wrapping_sub(self.offset))
    }
}

/// `None` is private.
impl Entry for Option<Window> {
    const NOTHING: Self = None;

    fn is_unique(self) -> bool {
        false
    }
}

/// A page of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) object: ObjectId,
    pub(crate) page: u64,
}

/// All objects of a machine; the frames of their pages, where they have some.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    frames: BTreeMap<ObjectId, Table<Option<Frame>>>,
}

/// The most pages that a table is made for.
const MOST: u64 = 1 << 62;

impl Objects {
    /// An object of zeros. `NoObject` if there is one of this name, or cannot be one of
    /// this size; then nothing changed.
    pub(crate) fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        if self.frames.contains_key(&object) || pages > MOST {
            return Err(Refusal::NoObject);
        }
        self.frames.insert(object, Table::new(pages));
        Ok(())
    }

    /// Whether there are `pages` pages from `first` on.
    pub(crate) fn holds(&self, object: ObjectId, first: u64, pages: u64) -> bool {
        let count = self.frames.get(&object).map(Table::count);
        count.is_some_and(|count| first.checked_add(pages).is_some_and(|end| end <= count))
    }

    /// The frame of a page; `None` is zeros.
    pub(crate) fn frame(&self, slot: Slot) -> Option<Frame> {
        self.frames.get(&slot.object)?.get(slot.page)
    }

    /// Gives a page, which the object has, this frame to own.
    pub(crate) fn set(&mut self, slot: Slot, frame: Frame) {
        if let Some(frames) = self.frames.get_mut(&slot.object) {
            frames.update(slot.page..slot.page + 1, |_| Some(frame));
        }
    }

    /// Shows the frames of pages, which the object has, in ascending order.
    pub(crate) fn each(&self, object: ObjectId, pages: Range<u64>, mut see: impl FnMut(u64, Frame)) {
        let Some(frames) = self.frames.get(&object) else { return };
        let _ = frames.visit(pages, |group, frame| {
            if let Some(frame) = frame {
                see(group.start, frame);
            }
            ControlFlow::<()>::Continue(())
        });
    }

    /// How many of these pages have no frame.
    pub(crate) fn missing(&self, object: ObjectId, pages: Range<u64>) -> u64 {
        let mut missing = pages.end - pages.start;
        self.each(object, pages, |_, _| missing -= 1);
        missing
    }

    /// Makes pages zeros; `give` gets their frames. Pages that there are not are
    /// passed over.
    pub(crate) fn clear(&mut self, object: ObjectId, pages: Range<u64>, mut give: impl FnMut(Frame)) {
        let Some(frames) = self.frames.get_mut(&object) else { return };
        let pages = pages.start..pages.end.min(frames.count());
        if !pages.is_empty() {
            frames.update(pages, |frame| {
                frame.into_iter().for_each(&mut give);
                None
            });
        }
    }

    /// Forgets an object, which has no frames any more.
    pub(crate) fn close(&mut self, object: ObjectId) {
        self.frames.remove(&object);
    }

    /// Shows all frames, once each, and proves the shape of the tables.
    pub(crate) fn check(&self, mut see: impl FnMut(Frame)) -> Result<(), &'static str> {
        self.frames.iter().try_for_each(|(object, frames)| {
            self.each(*object, 0..frames.count(), |_, frame| see(frame));
            frames.check()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use pagewright_core::View;

    use super::*;
    use crate::frame::Frames;

    const ONE: ObjectId = ObjectId(1);

    #[test]
    fn an_object_has_exactly_its_pages() {
        let mut objects = Objects::default();
        assert_eq!(objects.create(ONE, 10), Ok(()));
        assert_eq!(objects.create(ONE, 20), Err(Refusal::NoObject));
        assert!(objects.holds(ONE, 0, 10) && objects.holds(ONE, 9, 1) && objects.holds(ONE, 10, 0));
        assert!(!objects.holds(ONE, 9, 2) && !objects.holds(ONE, u64::MAX, 2));
        assert!(!objects.holds(ObjectId(2), 0, 0));
        assert_eq!(objects.create(ObjectId(2), u64::MAX), Err(Refusal::NoObject));
    }

    #[test]
    fn frames_come_and_go_page_by_page() {
        let mut frames = Frames::new(64);
        let [low, high] = [(); 2].map(|()| frames.take(None).expect("a frame"));
        let mut objects = Objects::default();
        objects.create(ONE, 1000).expect("new");
        objects.set(Slot { object: ONE, page: 3 }, low);
        objects.set(Slot { object: ONE, page: 700 }, high);
        assert_eq!(objects.frame(Slot { object: ONE, page: 700 }), Some(high));
        assert_eq!(objects.frame(Slot { object: ONE, page: 701 }), None);
        assert_eq!(objects.missing(ONE, 3..10), 6);
        let mut seen = Vec::new();
        assert_eq!(objects.check(|frame| seen.push(frame)), Ok(()));
        assert_eq!(seen, [low, high]);
        objects.clear(ONE, 4..u64::MAX, |frame| assert_eq!(frame, high));
        assert_eq!(objects.missing(ONE, 0..1000), 999);
        seen.clear();
        objects.clear(ONE, 0..u64::MAX, |frame| seen.push(frame));
        assert_eq!(seen, [low]);
        objects.close(ONE);
        assert!(!objects.holds(ONE, 0, 1));
        assert_eq!(objects.frame(Slot { object: ONE, page: 3 }), None);
    }

    #[test]
    fn a_window_is_the_same_for_all_pages_of_a_run() {
        let content = Content { object: ONE, first: 2, view: View::Shared };
        let window = Window::new(0x500, content);
        assert_eq!(window, Window::new(0x507, content.after(7)));
        assert_eq!(window.of(0x507), Slot { object: ONE, page: 9 });
        assert_ne!(window, Window::new(0x507, content.after(8)));
        assert_eq!(window.page_of(window.of(0x507)), Some(0x507));
        assert_eq!(window.page_of(Slot { object: ObjectId(2), page: 9 }), None);
    }
}
