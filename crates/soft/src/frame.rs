//! Frames: the bytes behind pages.
//!
//! All frames stand in one arena, so a place is one number and a hit one load away
//! from its bytes. Frame 0 is full of zeros and is never written: every page that has
//! no frame, and shows no object's, reads from it.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

/// A frame that can be written. The zero frame has no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame(NonZeroU32);

/// Where a byte of a frame stands in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) usize);

/// No frame: the limit is reached, or the host has no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// The arena, and which of its frames nobody uses.
///
/// A frame has exactly one owner: the page that names it, the page of an object, or the
/// free list. Views of an object's page own nothing. The arena never shrinks; freed
/// frames wait for the next page.
#[derive(Clone)]
pub(crate) struct Frames {
    /// Bytes of one frame: the page size.
    size: usize,
    /// Frame n begins at n * `size`. The length is a whole number of frames.
    bytes: Vec<u8>,
    /// Frames without an owner, with whatever their last one left in them. The
    /// capacity has room for every frame there is: giving back cannot fail.
    free: Vec<Frame>,
    /// The most frames that may have an owner.
    limit: u32,
    /// Frames that are set aside for pages that may be stored to any time.
    promised: u64,
}

/// One less than the numbers of `u32`, for the zero frame.
const MOST: u32 = u32::MAX - 1;

impl Frames {
    /// No frames but the zero frame, and no limit.
    pub(crate) fn new(size: usize) -> Self {
        Self { size, bytes: alloc::vec![0; size], free: Vec::new(), limit: MOST, promised: 0 }
    }

    pub(crate) const fn limit(&self) -> Option<u32> {
        if self.limit == MOST { None } else { Some(self.limit) }
    }

    /// Sets the limit. Frames above it stay with their owners.
    pub(crate) fn set_limit(&mut self, limit: Option<u32>) {
        self.limit = limit.unwrap_or(MOST).min(MOST);
    }

    /// Frames that exist, not counting the zero frame.
    fn total(&self) -> usize {
        self.bytes.len() / self.size - 1
    }

    /// Frames that have an owner.
    pub(crate) fn used(&self) -> usize {
        self.total() - self.free.len()
    }

    /// Sees to it that the next `count` calls of [`Self::take`] succeed, and that what is
    /// set aside stays so.
    ///
    /// On error no call is promised; no frame is taken in either case.
    pub(crate) fn prepare(&mut self, count: u64) -> Result<(), Exhausted> {
        let count = count.checked_add(self.promised).ok_or(Exhausted)?;
        let count = usize::try_from(count).map_err(|_| Exhausted)?;
        let used = self.used().checked_add(count).ok_or(Exhausted)?;
        if used as u64 > u64::from(self.limit) {
            return Err(Exhausted);
        }
        self.reserve(count.saturating_sub(self.free.len()))
    }

    /// Sees to it that the host has the memory for so many more frames.
    fn reserve(&mut self, fresh: usize) -> Result<(), Exhausted> {
        let bytes = fresh.checked_mul(self.size).ok_or(Exhausted)?;
        let total = self.total() + fresh;
        self.bytes.try_reserve(bytes).map_err(|_| Exhausted)?;
        self.free.try_reserve(total - self.free.len()).map_err(|_| Exhausted)
    }

    /// Sets `count` frames aside. On error none.
    pub(crate) fn promise(&mut self, count: u64) -> Result<(), Exhausted> {
        self.prepare(count)?;
        self.promised += count;
        Ok(())
    }

    /// How many frames are set aside.
    pub(crate) const fn promised(&self) -> u64 {
        self.promised
    }

    /// One of the frames that are set aside, whatever the limit is by now. On error
    /// nothing changed: the host has no memory.
    pub(crate) fn take_promised(&mut self) -> Result<Frame, Exhausted> {
        let frame = self.grab(None)?;
        self.unpromise(1);
        Ok(frame)
    }

    /// Gives up `count` frames that were set aside.
    pub(crate) const fn unpromise(&mut self, count: u64) {
        self.promised = self.promised.saturating_sub(count);
    }

    /// A frame with the bytes of another, or full of zeros, for the caller to own. On
    /// error nothing changed.
    pub(crate) fn take(&mut self, like: Option<Frame>) -> Result<Frame, Exhausted> {
        self.prepare(1)?;
        self.grab(like)
    }

    /// As [`Self::take`], beyond any limit.
    fn grab(&mut self, like: Option<Frame>) -> Result<Frame, Exhausted> {
        let from = self.place(like, 0).0;
        if let Some(frame) = self.free.pop() {
            let to = self.place(Some(frame), 0).0;
            match like {
                Some(_) => self.bytes.copy_within(from..from + self.size, to),
                None => self.bytes[to..to + self.size].fill(0),
            }
            return Ok(frame);
        }
        let number = u32::try_from(self.total() + 1).ok().and_then(NonZeroU32::new);
        let frame = Frame(number.ok_or(Exhausted)?);
        self.reserve(1)?;
        match like {
            Some(_) => self.bytes.extend_from_within(from..from + self.size),
            None => self.bytes.resize(self.bytes.len() + self.size, 0),
        }
        Ok(frame)
    }

    /// Takes a frame back from its owner.
    pub(crate) fn give(&mut self, frame: Frame) {
        self.free.push(frame);
    }

    /// The byte `inside` a frame, or inside the zero frame.
    pub(crate) fn place(&self, frame: Option<Frame>, inside: usize) -> Place {
        Place(frame.map_or(0, |frame| frame.0.get() as usize) * self.size + inside)
    }

    /// The arena, for words.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The arena, for words. Places come from pages that have a frame.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Copies bytes out; all of them stand in one frame.
    #[inline]
    pub(crate) fn copy_out(&self, place: Place, into: &mut [u8]) {
        into.copy_from_slice(&self.bytes[place.0..place.0 + into.len()]);
    }

    /// Copies bytes in; all of them stand in one frame, which is not the zero frame.
    #[inline]
    pub(crate) fn copy_in(&mut self, place: Place, from: &[u8]) {
        self.bytes[place.0..place.0 + from.len()].copy_from_slice(from);
    }

    /// Proves that `owned` and the free list are all frames, each once, and that
    /// the zero frame is zero.
    pub(crate) fn check(&self, mut owned: Vec<Frame>) -> Result<(), &'static str> {
        owned.extend(&self.free);
        owned.sort();
        if !owned.iter().map(|frame| frame.0.get() as usize).eq(1..=self.total()) {
            return Err("a frame is lost, or has two owners");
        }
        if self.bytes[..self.size].iter().any(|byte| *byte != 0) {
            return Err("the zero frame was written");
        }
        Ok(())
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes are the guest's memory: nobody wants to read them in a log.
        f.debug_struct("Frames")
            .field("size", &self.size)
            .field("used", &self.used())
            .field("free", &self.free.len())
            .field("limit", &self.limit())
            .field("promised", &self.promised)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_zero_again_when_it_is_used_again() {
        let mut frames = Frames::new(64);
        let first = frames.take(None).expect("a frame");
        let place = frames.place(Some(first), 10);
        frames.copy_in(place, &[7; 20]);
        frames.give(first);
        assert_eq!(frames.take(None), Ok(first), "the arena does not grow while a frame is free");
        let mut seen = [1; 20];
        frames.copy_out(place, &mut seen);
        assert_eq!(seen, [0; 20]);
        assert_eq!(frames.check(alloc::vec![first]), Ok(()));
    }

    #[test]
    fn a_copy_has_the_bytes_of_the_other_frame_and_is_independent_of_it() {
        let mut frames = Frames::new(64);
        let first = frames.take(None).expect("a frame");
        frames.copy_in(frames.place(Some(first), 3), &[9; 5]);
        // One at the end of the arena, one where another frame was.
        for _ in 0..2 {
            let copy = frames.take(Some(first)).expect("a frame");
            frames.copy_in(frames.place(Some(first), 0), &[1]);
            let mut seen = [0; 9];
            frames.copy_out(frames.place(Some(copy), 0), &mut seen);
            assert_eq!(seen, [0, 0, 0, 9, 9, 9, 9, 9, 0]);
            frames.copy_in(frames.place(Some(copy), 0), &[7; 64]);
            frames.copy_in(frames.place(Some(first), 0), &[0]);
            frames.give(copy);
        }
    }

    #[test]
    fn the_limit_counts_frames_with_owners() {
        let mut frames = Frames::new(64);
        frames.set_limit(Some(2));
        let first = frames.take(None).expect("one");
        let second = frames.take(None).expect("two");
        assert_eq!(frames.take(None), Err(Exhausted));
        frames.give(first);
        assert_eq!(frames.prepare(2), Err(Exhausted));
        assert_eq!(frames.prepare(1), Ok(()));
        assert_eq!(frames.used(), 1);
        frames.set_limit(Some(0));
        assert_eq!(frames.take(None), Err(Exhausted), "a lower limit takes nothing away");
        assert_eq!(frames.check(alloc::vec![second]), Ok(()));
        frames.set_limit(None);
        assert_eq!((frames.limit(), frames.take(None)), (None, Ok(first)));
    }

    #[test]
    fn an_impossible_wish_is_refused_and_changes_nothing() {
        let mut frames = Frames::new(4096);
        assert_eq!(frames.prepare(u64::MAX), Err(Exhausted));
        assert_eq!(frames.prepare(u64::from(MOST) + 1), Err(Exhausted));
        assert_eq!(frames.used(), 0);
        assert_eq!(frames.check(Vec::new()), Ok(()));
    }

    #[test]
    fn what_is_set_aside_is_left_for_whom_it_is() {
        let mut frames = Frames::new(64);
        frames.set_limit(Some(3));
        assert_eq!(frames.promise(4), Err(Exhausted));
        assert_eq!(frames.promise(2), Ok(()));
        let first = frames.take(None).expect("one is left");
        assert_eq!((frames.take(None), frames.promise(1)), (Err(Exhausted), Err(Exhausted)));
        frames.set_limit(Some(0));
        let second = frames.take_promised().expect("it is for this");
        frames.set_limit(Some(3));
        assert_eq!(frames.take(None), Err(Exhausted), "one is still set aside");
        frames.give(first);
        assert_eq!((frames.prepare(1), frames.prepare(2), frames.promised()), (Ok(()), Err(Exhausted), 1));
        assert_eq!(frames.check(alloc::vec![second]), Ok(()));
    }

    #[test]
    fn a_lost_frame_is_noticed() {
        let mut frames = Frames::new(64);
        frames.take(None).expect("a frame");
        assert!(frames.check(Vec::new()).is_err());
    }
}
