//! Frames of physical memory that the process owns, by number.
//!
//! A frame is a page of an object that nobody else can show. Its number says nothing about
//! where it is; the numbers of frames that were taken together follow each other, so that
//! they can be mapped together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::error::Kind;
use crate::interval::IntervalMap;
use crate::object::{Content, ObjectId, View, cut_with};
use crate::space::AddressSpace;

/// The number of the first frame that is ever given out: none is 0.
const FIRST: u64 = 0x10_0000;

/// Where the first frame of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) object: ObjectId,
    pub(crate) page: u64,
}

impl Spot {
    const fn after(self, frames: u64) -> Self {
        Self { page: self.page + frames, ..self }
    }
}

/// The frames of a process.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    owned: IntervalMap<Spot>,
    /// How many frames of each object are owned; none is 0.
    left: BTreeMap<ObjectId, u64>,
    next: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { owned: IntervalMap::default(), left: BTreeMap::new(), next: FIRST }
    }
}

/// A change of what is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameChange {
    /// All pages of a new object are owned from now on, under the next numbers.
    Taken {
        /// The object.
        object: ObjectId,
        /// How many pages it has.
        pages: u64,
    },
    /// Frames in a row are not owned any more. None of them is shown.
    Given {
        /// The number of the first.
        first: u64,
        /// How many.
        count: u64,
    },
    /// No frame is owned any more.
    Lost,
}

impl Frames {
    /// The number of the next frame that is taken.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Where a frame is, and how many after it follow there; `None` if nobody owns it.
    pub(crate) fn find(&self, number: u64) -> Option<(Spot, u64)> {
        let run = self.owned.get(number)?;
        Some((run.value.after(number - run.start), run.end - number))
    }

    /// The runs of frames that are owned: first number, number behind the last, and where.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64, Spot)> + '_ {
        self.owned.iter().map(|run| (run.start, run.end, *run.value))
    }

    /// The objects whose pages they are, and how many of each.
    pub(crate) const fn objects(&self) -> &BTreeMap<ObjectId, u64> {
        &self.left
    }

    /// How many there are.
    fn count(&self) -> u64 {
        self.left.values().sum()
    }

    fn take(&mut self, object: ObjectId, pages: u64) {
        self.owned.insert(self.next, self.next + pages, Spot { object, page: 0 });
        self.left.insert(object, pages);
        self.next += pages;
    }

    /// Answers the objects whose pages those were that were owned, and how many of each.
    fn give(&mut self, first: u64, count: u64) -> Vec<(ObjectId, u64)> {
        let cut = cut_with(&mut self.owned, first, first + count, Spot::after);
        let given: Vec<_> = cut.into_iter().map(|(first, end, spot)| (spot.object, end - first)).collect();
        for (object, count) in &given {
            if let Some(left) = self.left.get_mut(object) {
                *left = left.saturating_sub(*count);
            }
        }
        given
    }

    /// Whether no frame of an object is owned; then it is forgotten.
    fn forget(&mut self, object: ObjectId) -> bool {
        let is_left = self.left.get(&object).is_some_and(|left| *left > 0);
        if !is_left {
            self.left.remove(&object);
        }
        !is_left
    }
}

impl AddressSpace {
    /// Books frames, and forgets the objects of which none is left.
    pub(crate) fn change_frames(&mut self, change: FrameChange) {
        match change {
            FrameChange::Taken { object, pages } => {
                self.frames.take(object, pages);
                self.charge.take(pages * self.geometry.page);
            }
            FrameChange::Given { first, count } => {
                for (object, given) in self.frames.give(first, count) {
                    self.charge.give(given * self.geometry.page);
                    if self.frames.forget(object) {
                        self.objects.remove(&object);
                    }
                }
            }
            FrameChange::Lost => {
                self.charge.give(self.frames.count() * self.geometry.page);
                self.frames.objects().keys().for_each(|object| drop(self.objects.remove(object)));
                self.frames = Frames { next: self.frames.next, ..Frames::default() };
            }
        }
    }

    /// What a page shows that shows this frame, and how many frames after it follow there.
    pub(crate) fn frame_content(&self, number: u64) -> Result<(Content, u64), Kind> {
        let (spot, follow) = self.frames.find(number).ok_or(Kind::BadFrame)?;
        Ok((Content { object: spot.object, first: spot.page, view: View::Shared }, follow))
    }

    /// The number of the frame that a page shows.
    pub fn frame_at(&self, at: u64) -> Option<u64> {
        let page = self.geometry.page_at(at).ok()?;
        let content = self.contents_of(page).next()?.1?;
        let holds = |(first, end, spot): &(u64, u64, Spot)| {
            spot.object == content.object && (spot.page..spot.page + (end - first)).contains(&content.first)
        };
        self.frames.runs().find(holds).map(|(first, _, spot)| first + (content.first - spot.page))
    }

    /// Bytes of the frames that are owned.
    pub fn frame_bytes(&self) -> u64 {
        self.frames.count() * self.geometry.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_to_pages_until_they_are_given_back() {
        let mut frames = Frames::default();
        frames.take(ObjectId(1), 10);
        frames.take(ObjectId(2), 5);
        let spot = |object, page| Spot { object: ObjectId(object), page };
        assert_eq!(frames.find(FIRST + 3), Some((spot(1, 3), 7)));
        assert_eq!(frames.find(FIRST + 12), Some((spot(2, 2), 3)));
        assert_eq!((frames.find(0), frames.find(FIRST + 15)), (None, None));
        assert_eq!(frames.give(FIRST + 4, 2), [(ObjectId(1), 2)]);
        assert_eq!(frames.give(FIRST + 4, 2), []);
        assert_eq!(frames.find(FIRST + 6), Some((spot(1, 6), 4)));
        assert_eq!((frames.find(FIRST + 3), frames.find(FIRST + 4)), (Some((spot(1, 3), 1)), None));
        assert_eq!((frames.count(), frames.next()), (13, FIRST + 15));
        assert_eq!(frames.give(FIRST + 9, 3), [(ObjectId(1), 1), (ObjectId(2), 2)], "over the edge of two");
        assert!(!frames.forget(ObjectId(2)));
        assert_eq!(frames.give(FIRST + 12, 9), [(ObjectId(2), 3)]);
        assert!(frames.forget(ObjectId(2)));
        assert_eq!(frames.objects().keys().collect::<Vec<_>>(), [&ObjectId(1)]);
    }
}
