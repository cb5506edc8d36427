//! Moving memory into an object while the program uses it.
//!
//! ```text
//!   survey     what is mapped at the places, and whether it may be moved
//!   register   pages without memory: who touches them waits from here on
//!   hold       pages with memory: who stores to them waits from here on
//!   copy       the bytes of the first place into the object
//!   replace    the object is mapped over every place
//!   release    whoever waited goes on, and finds the object
//! ```
//!
//! From `register` to `release` the window is open: any other thread may be waiting, the
//! one that holds the lock of the heap too, and so would this one if it stored to a
//! place. Inside of the window this thread takes no locks and no memory, and stores to
//! its own stack and to scratch memory only. Signals are held back: their handlers would
//! not know.
//!
//! Large places are moved window by window, so that nobody waits for long and little memory
//! is needed twice. What was moved when a later window fails goes back, as far as anybody
//! can tell: see the module `undo`.
//!
//! Bytes that a device or another process stores to pages that it has pinned (direct
//! input, fixed buffers) are beyond this: they go to the old pages.

use alloc::vec::Vec;

use pagewright_core::{Access, Content, PageRange, Refusal, Showing};

use super::freeze::{Frost, Sight};
use super::object::{File, no_object};
use super::pages::{PageList, Scratch, Which};
use super::survey::{Kind, Owner, Segment, owner_of};
use super::undo::cut;
use super::{Linux, addr, len, object_view, prot};
use crate::sys::{self, Catch, Errno, Fd, OpenMode, Place, Prot, Timespec, userfault};

/// Bytes that are copied at a time.
const CHUNK: usize = 64 << 10;

/// Bytes of a place that are moved at a time: who stores to them waits so long.
const WINDOW: u64 = 16 << 20;

/// How often a promotion is begun when other threads change mappings at the same time,
/// and how often the second and later places are tried: the first shows the object then.
const ATTEMPTS: u32 = 64;
/// How long a thread that was let go on may take to drop a page.
const DROPPING: Timespec = Timespec { seconds: 0, nanoseconds: 20_000_000 };

/// The memory and the pages of this process as files.
#[derive(Debug)]
struct Eyes {
    /// Reads of it pass over protections, and never wait for a page.
    memory: Fd,
    pages: PageList,
}

impl Eyes {
    fn open(sight: Sight) -> Option<Self> {
        match sight {
            Sight::Asked => {
                let memory = sys::open(c"/proc/thread-self/mem", OpenMode::Read).ok()?;
                Some(Self { memory, pages: PageList::open().ok()? })
            }
            Sight::Blind => None,
        }
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// Before the window opened.
    Refused(Refusal),
    /// A segment of this kind cannot be frozen.
    Register(Kind, Errno),
    /// Something else in the window.
    Work(Errno),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Work(error)
    }
}

/// Whether a place was given access for the time of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lid {
    Shut,
    Lifted,
}

/// Everything that is needed while the window is open.
#[derive(Debug)]
struct Window<'a> {
    /// What the places are parts of.
    wholes: &'a [Showing],
    places: &'a [Showing],
    segments: &'a [Segment],
    content: Content,
    page: u64,
    thread: i32,
    descriptor: i32,
    file: File,
    frost: Option<&'a Frost>,
    untouched: Untouched,
    eyes: Option<&'a Eyes>,
    bounce: &'a mut [u8],
    lid: Lid,
    /// How many of the places show the object.
    replaced: usize,
}

/// What a kernel does with pages without memory when it protects a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untouched {
    Protected,
    PassedOver,
}

impl Window<'_> {
    /// Opens the window, does the work, and closes it. On error the places that were not
    /// replaced show what they did.
    fn run(&mut self) -> Result<(), Failure> {
        let mask = sys::block_signals();
        let done = self.work();
        if done.is_err() && self.lid == Lid::Lifted && self.replaced == 0 {
            self.give_access(prot(self.places[0].access));
        }
        if let Some(frost) = self.frost {
            self.segments.iter().for_each(|segment| frost.release(segment.range));
        }
        sys::restore_signals(mask);
        done
    }

    fn work(&mut self) -> Result<(), Failure> {
        self.register()?;
        self.hold()?;
        self.copy()?;
        self.confirm()?;
        Ok(self.replace()?)
    }

    fn register(&self) -> Result<(), Failure> {
        let Some(frost) = self.frost else { return Ok(()) };
        for segment in self.segments {
            // Pages of a file are protected whether they have memory or not.
            let catch = match (segment.kind, self.eyes) {
                (Kind::Anonymous, Some(_)) => Catch::StoresAndUntouched,
                (Kind::Anonymous, None) | (Kind::Object, _) => Catch::Stores,
            };
            frost.register(segment.range, catch).map_err(|error| Failure::Register(segment.kind, error))?;
        }
        Ok(())
    }

    fn hold(&mut self) -> sys::Result<()> {
        let Some(frost) = self.frost else { return Ok(()) };
        for segment in self.segments {
            if self.eyes.is_none() && self.untouched == Untouched::PassedOver {
                self.touch(segment.range);
            }
            frost.hold(segment.range)?;
        }
        Ok(())
    }

    /// Gives every page memory, if only the common page of zeros, by loading from it.
    fn touch(&mut self, range: PageRange) {
        let mut at = range.start().get();
        while at < range.end().get() {
            let room = CHUNK.min((range.end().get() - at) as usize);
            // What cannot be loaded has no access, and nobody stores there.
            at += self.load(at, room).unwrap_or(0).max(self.page as usize) as u64;
        }
    }

    fn copy(&mut self) -> sys::Result<()> {
        for segment in self.segments.iter().filter(|segment| segment.place == 0) {
            match (segment.kind, self.eyes) {
                (Kind::Anonymous, Some(eyes)) => {
                    let (range, kind) = (segment.range, segment.kind);
                    eyes.pages.each(range, Which::Filled, &mut |run| self.copy_run(run, kind))?;
                }
                (Kind::Anonymous, None) | (Kind::Object, _) => {
                    self.copy_run(segment.range, segment.kind)?;
                }
            }
        }
        Ok(())
    }

    fn copy_run(&mut self, run: PageRange, kind: Kind) -> sys::Result<()> {
        let (mut at, end) = (run.start().get(), run.end().get());
        while at < end {
            let room = CHUNK.min((end - at) as usize);
            let whole = self.load(at, room).unwrap_or(0) & !(self.page as usize - 1);
            if whole > 0 {
                self.store(at, whole, kind)?;
            }
            at += if whole > 0 { whole as u64 } else { self.pass_over(at, kind)? };
        }
        Ok(())
    }

    fn load(&mut self, at: u64, bytes: usize) -> sys::Result<usize> {
        let into = &mut self.bounce[..bytes];
        match self.eyes {
            Some(eyes) => sys::pread(eyes.memory.raw(), into, at),
            None => sys::process_vm_readv(self.thread, into, at as usize),
        }
    }

    /// What to do with a page that cannot be loaded: how many bytes are passed over.
    fn pass_over(&mut self, at: u64, kind: Kind) -> sys::Result<u64> {
        if let (Kind::Anonymous, Some(eyes)) = (kind, self.eyes) {
            // Pages that the program has no use for can go at any time: they are zeros.
            let mut found = false;
            let page = PageRange::between(at, at + self.page).ok_or(Errno::EFAULT)?;
            eyes.pages.each(page, Which::Filled, &mut |_| {
                found = true;
                Ok(())
            })?;
            if !found {
                return Ok(self.page);
            }
        }
        if self.lid == Lid::Shut && !self.places[0].access.contains(Access::READ) {
            self.lid = Lid::Lifted;
            self.give_access(Prot::READ);
            return Ok(0);
        }
        Err(Errno::EFAULT)
    }

    /// Changes what may be done with the first place. Best effort: who needs it finds out.
    fn give_access(&self, access: Prot) {
        let range = self.places[0].range;
        // SAFETY: the place has no access, or gets back what it had.
        let _ = unsafe { sys::mprotect(addr(range), len(range), access) };
    }

    /// Stores what was loaded at `at`. Pages of zeros need not be stored where the object has
    /// none yet: that is where the place was memory of its own.
    fn store(&self, at: u64, bytes: usize, kind: Kind) -> sys::Result<()> {
        let page = self.page as usize;
        let offset = at - self.places[0].range.start().get() + self.content.first * self.page;
        let mut start = 0;
        for end in (page..=bytes).step_by(page) {
            let is_zero = || self.bounce[end - page..end].iter().all(|byte| *byte == 0);
            if kind == Kind::Anonymous && is_zero() {
                self.write(&self.bounce[start..end - page], offset + start as u64)?;
                start = end;
            }
        }
        self.write(&self.bounce[start..bytes], offset + start as u64)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> sys::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match sys::pwrite(self.descriptor, &bytes[done..], offset + done as u64)? {
                0 => return Err(Errno::ENOSPC),
                more => done += more,
            }
        }
        Ok(())
    }

    /// Others may have replaced what they mapped themselves: what is frozen is still there
    /// if it can be frozen again.
    fn confirm(&self) -> sys::Result<()> {
        let Some(frost) = self.frost else { return Ok(()) };
        for segment in self.segments {
            match owner_of(&self.wholes[segment.place]) {
                Owner::Perhaps => frost.hold(segment.range).map_err(|_| Errno::EAGAIN)?,
                Owner::Us => {}
            }
        }
        Ok(())
    }

    fn replace(&mut self) -> sys::Result<()> {
        let mut left = ATTEMPTS;
        while let Some(place) = self.places.get(self.replaced) {
            if sys::file_id(self.descriptor)? != self.file {
                return Err(Errno::EBADF);
            }
            let backing = object_view(self.descriptor, self.content, self.page);
            let over = Place::Over(addr(place.range));
            // SAFETY: the bytes of the place are in the object, and nobody could store to
            // it since they were copied.
            match unsafe { sys::mmap(over, len(place.range), prot(place.access), backing) } {
                Ok(_) => self.replaced += 1,
                Err(Errno::ENOMEM) if self.replaced > 0 && left > 0 => {
                    left -= 1;
                    sys::sched_yield();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Linux {
    pub(super) fn promote_places(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        let Some(first) = places.first() else { return Ok(()) };
        let page = self.geometry.page;
        let pages = first.range.bytes() / page;
        if (content.first + pages).saturating_mul(page) > sys::file_size_limit() {
            return Err(Refusal::NoObject);
        }
        let mut scratch = Scratch::new(CHUNK).map_err(no_object)?;
        if first.range.bytes() <= WINDOW {
            return self.promote_window(places, places, content, scratch.bytes());
        }
        // What can be told beforehand need not be undone.
        self.objects.holder(content, pages)?;
        let segments = self.survey(places, places)?;
        let is_new = segments.iter().all(|segment| segment.kind == Kind::Anonymous);
        let list =
            if is_new && self.freezer().sight() == Sight::Asked { PageList::open().ok() } else { None };
        let before: Vec<_> = self.shown.runs(first.range).collect();
        let mut done = 0;
        while done < pages {
            let next = window_end(first.range, done, page);
            let next = list.as_ref().map_or(next, |list| widened(list, first.range, (done, next), page));
            let parts = cut(places, done, next, page);
            let moved = self.promote_window(places, &parts, content.after(done), scratch.bytes());
            if let Err(refusal) = moved {
                self.undo(places, done, content, &before, scratch.bytes());
                return Err(refusal);
            }
            done = next;
        }
        Ok(())
    }

    /// Moves parts of `wholes` at once.
    pub(super) fn promote_window(
        &mut self,
        wholes: &[Showing],
        parts: &[Showing],
        content: Content,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let kept = self.keep_watch(parts);
        let done = self.try_window(wholes, parts, content, bounce);
        self.resume_watch(kept, done.is_ok().then_some(content));
        done
    }

    fn try_window(
        &mut self,
        wholes: &[Showing],
        parts: &[Showing],
        content: Content,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        for _ in 0..ATTEMPTS {
            match self.try_promotion(wholes, parts, content, bounce) {
                Err(Failure::Work(Errno::EAGAIN)) if self.freezer().sight() == Sight::Blind => {
                    // Who was dropping content goes on now, and its page loses the protection
                    // of the next try, too: nobody could see that.
                    sys::pause(DROPPING);
                    break;
                }
                Err(Failure::Work(Errno::EAGAIN)) => sys::sched_yield(),
                done => return done.map_err(|failure| self.refusal_of(failure, wholes)),
            }
        }
        Err(Refusal::OutOfMemory)
    }

    fn try_promotion(
        &mut self,
        wholes: &[Showing],
        places: &[Showing],
        content: Content,
        bounce: &mut [u8],
    ) -> Result<(), Failure> {
        let segments = self.ready(wholes, places, content)?;
        let freezer = self.freezer();
        let eyes = Eyes::open(freezer.sight());
        let mut features = userfault::WRITE_PROTECT | userfault::WRITE_PROTECT_SHARED;
        if eyes.is_none() {
            // Where only stores are caught, a page that is dropped meanwhile would get lost with
            // its protection.
            features |= userfault::WRITE_PROTECT_UNTOUCHED | userfault::REMOVALS;
        }
        let frost = self.frost(features)?;
        let object = self.objects.get(content.object).ok_or(Refusal::NoObject)?;
        let mut window = Window {
            wholes,
            places,
            segments: &segments,
            content,
            page: self.geometry.page,
            thread: sys::gettid(),
            descriptor: object.descriptor().ok_or(Refusal::NoObject)?.raw(),
            file: object.file,
            frost: frost.as_ref(),
            untouched: if freezer.protects_untouched() {
                Untouched::Protected
            } else {
                Untouched::PassedOver
            },
            eyes: eyes.as_ref(),
            bounce,
            lid: Lid::Shut,
            replaced: 0,
        };
        let done = window.run();
        let replaced = window.replaced;
        match done {
            Ok(()) => self.note_moved(wholes, places, content),
            Err(_) => self.put_back(&places[..replaced]),
        }
        done
    }

    fn note_moved(&mut self, wholes: &[Showing], places: &[Showing], content: Content) {
        for (whole, place) in wholes.iter().zip(places) {
            self.note_promoted(place, content);
            match owner_of(whole) {
                Owner::Perhaps => self.note_program(content.object, place.range),
                Owner::Us => {}
            }
        }
    }

    /// Everything that can be refused before the window opens.
    fn ready(
        &mut self,
        wholes: &[Showing],
        places: &[Showing],
        content: Content,
    ) -> Result<Vec<Segment>, Refusal> {
        self.objects.holder(content, places[0].range.bytes() / self.geometry.page)?;
        let segments = self.survey(wholes, places)?;
        self.budget.need(2 * (segments.len() + places.len()) as u64)?;
        let descriptor = self.descriptor(content.object).ok_or(Refusal::NoObject)?;
        for segment in segments.iter().filter(|segment| segment.place == 0 && segment.kind == Kind::Anonymous)
        {
            let offset = segment.range.start().get() - places[0].range.start().get();
            let offset = content.first * self.geometry.page + offset;
            // SAFETY: the pages are about to be overwritten, and nobody shows them yet.
            let punched = unsafe { sys::punch_hole(descriptor, offset, segment.range.bytes()) };
            punched.map_err(|error| self.refusal(error))?;
        }
        Ok(segments)
    }

    /// Places that were replaced when a later one could not be show what they did again;
    /// they all showed an object then.
    fn put_back(&mut self, places: &[Showing]) {
        for place in places {
            let runs: Vec<_> = self.shown.runs(place.range).collect();
            for (run, content) in runs {
                if let Some(content) = content {
                    let _ = self.map_object(run, content, place.access);
                }
            }
        }
    }

    fn refusal_of(&mut self, failure: Failure, wholes: &[Showing]) -> Refusal {
        let is_foreign = wholes.iter().any(|whole| owner_of(whole) == Owner::Perhaps);
        match failure {
            Failure::Refused(refusal) => refusal,
            Failure::Register(_, Errno::EBUSY) => Refusal::Special,
            Failure::Register(Kind::Anonymous, Errno::EINVAL | Errno::EPERM) => Refusal::Special,
            // Before Linux 5.19, only anonymous memory can be write-protected.
            Failure::Register(Kind::Object, Errno::EINVAL | Errno::EPERM) => Refusal::Denied,
            Failure::Work(Errno::EFAULT | Errno::EIO) if is_foreign => Refusal::Special,
            Failure::Work(Errno::EFAULT | Errno::EIO) => Refusal::Unmapped,
            Failure::Work(Errno::EBADF | Errno::EFBIG) => Refusal::NoObject,
            Failure::Work(Errno::ENOSPC) => Refusal::OutOfMemory,
            Failure::Register(_, error) | Failure::Work(error) => self.refusal(error),
        }
    }
}

/// The page, counted from the start of a place, at which the window ends that begins at
/// page `first`: where the address is a multiple of its size, or with the place.
pub(super) fn window_end(range: PageRange, first: u64, page: u64) -> u64 {
    let start = range.start().get();
    let end = (start + first * page + 1).next_multiple_of(WINDOW).min(range.end().get());
    (end - start) / page
}

/// The same for memory of which little was ever used: as far as there is no more of that
/// than a window may have.
fn widened(list: &PageList, range: PageRange, (first, end): (u64, u64), page: u64) -> u64 {
    let mut room = WINDOW / page;
    let mut fits = |from: u64, to: u64| {
        let start = range.start().get();
        let Some(part) = PageRange::between(start + from * page, start + to * page) else { return false };
        let counted = list.each(part, Which::Filled, &mut |run| {
            room = room.checked_sub(run.bytes() / page).ok_or(Errno::EFBIG)?;
            Ok(())
        });
        counted.is_ok()
    };
    let (mut known, mut next) = (first, end);
    while known < next && fits(known, next) {
        (known, next) = (next, (next + (next - first)).min(range.bytes() / page));
    }
    known.max(end)
}
