//! Guards that are met by waiting, on pages that show an object.
//!
//! ```text
//!   shared      the file has the bytes: this view's page table is emptied, and whoever accesses a page waits
//!               before that of the file comes there
//!   snapshot    the same; but pages that were stored to are the view's alone. So its page table is moved
//!               to a mapping of ours in one step, and those pages stay there until the guard is met
//! ```
//!
//! Other views of the same pages are not concerned: what is caught is caught per mapping. No bytes are copied
//! when a guard is armed, and only of a page that was stored to when it is met.

use alloc::vec::Vec;

use pagewright_core::{Access, Content, PageRange, Refusal, Showing, View, Wiring};

use super::pages::PageList;
use super::ranges::Ranges;
use super::sentry::{Child, PAGE, Post};
use super::stash::{Home, Slot};
use super::takeout::Bytes;
use super::watch::WatchWay;
use super::{Linux, addr, len, object_view, prot};
use crate::sys::{self, Advice, Catch, Errno, Place, Prot, userfault};

impl Linux {
    /// Shows pages of an object, and arms or disarms their guards.
    ///
    /// On error a part may show it.
    pub(super) fn show_with_guards(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        let is_posted = self.posts_for(access);
        if is_posted {
            self.check_view_guards()?;
        }
        let mapped = if is_posted { access.unguarded() } else { access };
        self.tell_before_loss(range);
        self.show_pages(region, range, content, mapped)?;
        // What is mapped there now was never caught, and may be watched.
        self.sentry.caught.remove(range);
        self.forsake_guards(range);
        if is_posted { self.arm(range, access) } else { Ok(()) }
    }

    /// Moves places into an object. Guards that are armed there are so afterwards, whether it was done or not;
    /// on the way an access may pass without meeting them.
    pub(super) fn promote_with_guards(
        &mut self,
        places: &[Showing],
        content: Content,
    ) -> Result<(), Refusal> {
        if places.iter().any(|place| self.posts_for(place.access)) {
            self.check_view_guards()?;
        }
        places.iter().try_for_each(|place| self.disarm(place.range)).inspect_err(|_| {
            let _ = self.arm_places(places);
        })?;
        let open = |place: &Showing| Showing { access: self.access_below(place.access), ..*place };
        let open: Vec<_> = places.iter().map(open).collect();
        let moved = self.protect_armed(&open).and_then(|()| self.promote_places(&open, content));
        let armed = self.arm_places(places);
        moved.and(armed)
    }

    /// The access that the mapping has while a guard stands.
    fn access_below(&self, access: Access) -> Access {
        if self.posts_for(access) { access.unguarded() } else { access }
    }

    fn arm_places(&mut self, places: &[Showing]) -> Result<(), Refusal> {
        let armed: Vec<_> = places.iter().filter(|place| self.posts_for(place.access)).collect();
        armed.into_iter().try_for_each(|place| self.arm(place.range, place.access))
    }

    /// Whether guards can be armed on pages of an object.
    fn check_view_guards(&mut self) -> Result<(), Refusal> {
        self.check_guards()?;
        if self.faults.features() & userfault::UNMAPPED_SHARED != 0 {
            Ok(())
        } else {
            Err(Refusal::Unsupported)
        }
    }

    /// Arms pages that show `content`, as far as they are mapped from it: in a forked child some may have
    /// become memory of their own.
    pub(super) fn post_shown(
        &mut self,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        self.check_view_guards()?;
        if self.objects.get(content.object).is_some_and(|object| object.master.is_some()) {
            return Err(Refusal::Unsupported);
        }
        let (mut at, end) = (range.start().get(), range.end().get());
        while at < end {
            let found = self.maps.at_or_after(at).map_err(|error| self.refusal(error))?;
            let mapping = found.filter(|mapping| mapping.start <= at).ok_or(Refusal::Unmapped)?;
            let part = PageRange::between(at, mapping.end.min(end)).ok_or(Refusal::Unmapped)?;
            let first = (at - range.start().get()) / self.geometry.page;
            match mapping.file {
                Some(_) => self.post_view(part, content.after(first), access)?,
                None => self.post_private(part, access)?,
            }
            at = part.end().get();
        }
        Ok(())
    }

    /// Arms pages of one mapping of an object.
    fn post_view(&mut self, range: PageRange, content: Content, access: Access) -> Result<(), Refusal> {
        self.budget.need(4)?;
        self.doubt_stores(range);
        self.catch_view(range, content, access)?;
        self.sentry.set(range, Post::new(access));
        self.unlock_posted(range)?;
        match content.view {
            View::Shared => {
                let emptied = self.advise(range, Advice::DontNeed);
                self.told(emptied)
            }
            View::Snapshot => self.park(range),
        }
    }

    /// Catches accesses to a view from here on.
    fn catch_view(&mut self, range: PageRange, content: Content, access: Access) -> Result<(), Refusal> {
        let catch = match self.noted_by(range) {
            // Else the next scan would register the range for itself alone.
            Some(WatchWay::Async) => Catch::StoresAndUnmapped,
            Some(WatchWay::Sync | WatchWay::Mprotect) => {
                self.leave_unwatched(range);
                Catch::Unmapped
            }
            None => Catch::Unmapped,
        };
        match self.faults.register(range, catch) {
            Err(Errno::EPERM) if content.view == View::Shared => {
                self.disguise(range, content, access)?;
                let registered = self.faults.register(range, catch);
                registered.map_err(|error| self.cannot_post(error))
            }
            done => done.map_err(|error| self.cannot_post(error)),
        }
    }

    /// Only views that could be stored to can be caught, if they are shared. One of a file that is open for
    /// loads only shows the same as a private one, in which nothing is ever stored.
    fn disguise(&mut self, range: PageRange, content: Content, access: Access) -> Result<(), Refusal> {
        let object = self.objects.holder(content, range.bytes() / self.geometry.page)?;
        let descriptor = object.descriptor().ok_or(Refusal::Unsupported)?.raw();
        let backing = object_view(descriptor, content.viewed(View::Snapshot), self.geometry.page);
        // SAFETY: the range is ours, and shows the same bytes as before.
        let mapped = unsafe { sys::mmap(Place::Over(addr(range)), len(range), prot(access), backing) };
        self.told(mapped.map(drop))?;
        self.withhold(range);
        Ok(())
    }

    /// Locked pages are not, as long as their guard stands.
    fn unlock_posted(&mut self, range: PageRange) -> Result<(), Refusal> {
        // Advice that changes nothing, and that locked memory refuses.
        if self.advise(range, Advice::Cold) != Err(Errno::EINVAL) {
            return Ok(());
        }
        let pages = (range.start().get()..range.end().get()).step_by(PAGE as usize);
        let pages: Vec<_> = pages.filter_map(|at| PageRange::between(at, at + PAGE)).collect();
        let mut locked = Ranges::default();
        for page in pages {
            if self.advise(page, Advice::Cold) == Err(Errno::EINVAL) {
                locked.add(page);
            }
        }
        for run in locked.iter() {
            for (part, post) in self.sentry.posts_in(run) {
                self.sentry.set(part, Post { wiring: Wiring::Wired, ..post });
            }
            let unlocked = sys::munlock(addr(run), len(run));
            self.told(unlocked)?;
        }
        Ok(())
    }

    /// Moves the pages of a snapshot that were stored to out of the way.
    fn park(&mut self, range: PageRange) -> Result<(), Refusal> {
        // Without them a child would see what the file has.
        self.keep_from_children(range)?;
        // SAFETY: whoever accesses a page waits until it is back.
        let parked = unsafe { sys::mremap_contents(addr(range), len(range)) };
        let parked = parked.map_err(|error| self.cannot_post(error))?;
        let Some(home) = PageRange::between(parked as u64, parked as u64 + range.bytes()) else {
            return Err(Refusal::Unmapped);
        };
        // What is parked is for children, who find their own there.
        let _ = self.advise(home, Advice::DoFork);
        // SAFETY: nobody but us knows the place.
        let _ = unsafe { sys::mprotect(parked, len(home), Prot::READ) };
        let mut stored = Vec::new();
        let listed = PageList::open().and_then(|list| list.privatised(home, &mut |run| stored.push(run)));
        if listed.is_err() {
            // Where `/proc` does not tell, every page may have been.
            stored = Vec::from([home]);
        }
        let mut at = parked as u64;
        for run in stored {
            self.leave_parked(range, home, PageRange::between(at, run.start().get()));
            for page in (run.start().get()..run.end().get()).step_by(PAGE as usize) {
                let wiring = Wiring::Pageable;
                let slot = Slot { at: page as usize, prot: Prot::READ, home: Home::Parked, wiring };
                self.sentry.stash.keep(range.start().get() + (page - home.start().get()), slot);
            }
            at = run.end().get();
        }
        self.leave_parked(range, home, PageRange::between(at, home.end().get()));
        Ok(())
    }

    /// Of these pages the file has the bytes.
    fn leave_parked(&mut self, range: PageRange, home: PageRange, pages: Option<PageRange>) {
        let Some(pages) = pages else { return };
        // SAFETY: parked just now, and nobody knows it.
        let _ = unsafe { sys::munmap(addr(pages), len(pages)) };
        let start = range.start().get() + (pages.start().get() - home.start().get());
        let Some(place) = PageRange::between(start, start + pages.bytes()) else { return };
        if self.advise(place, Advice::DoFork).is_ok() {
            self.withhold(place);
            for (part, post) in self.sentry.posts_in(place) {
                self.sentry.set(part, Post { child: Child::Inherits, ..post });
            }
        }
    }

    /// The guards of a range that shows an object are gone, and what was out is back: who waits goes on.
    pub(super) fn open_view(&mut self, range: PageRange, post: &Post) {
        self.faults.unregister(range);
        let shared: Vec<_> = self.shown.shared_runs(range).collect();
        for (run, content) in shared {
            self.drop_disguise(run, content, post.access);
        }
        if self.noted_by(range).is_some() {
            self.note_again(range);
        }
        if post.wiring == Wiring::Wired {
            let _ = sys::mlock(addr(range), len(range));
        }
        self.faults.wake(range);
    }

    /// Shows a view shared again that was private while it was guarded. Where that fails, it shows the same.
    fn drop_disguise(&mut self, run: PageRange, content: Content, access: Access) {
        let mapping = self.maps.at_or_after(run.start().get()).ok().flatten();
        let is_private = |mapping: super::Mapping| {
            mapping.start <= run.start().get()
                && mapping.file.is_some()
                && mapping.sharing == super::Sharing::Private
        };
        if mapping.is_some_and(is_private) {
            let _ = self.map_object(run, content, access);
        }
    }

    /// How stores to a range are noted, be it for other pages that show the same.
    fn noted_by(&mut self, range: PageRange) -> Option<WatchWay> {
        if self.is_noted(range) { self.watch_choice().way } else { None }
    }

    /// The pages of a snapshot that were stored to, of which these are out.
    pub(super) fn privatised_beside(
        out: &[u64],
        range: PageRange,
        report: &mut dyn FnMut(PageRange),
    ) -> sys::Result<()> {
        let mut stored = Ranges::default();
        out.iter().filter_map(|at| PageRange::between(*at, at + PAGE)).for_each(|page| stored.add(page));
        PageList::open()?.privatised(range, &mut |run| stored.add(run))?;
        stored.iter().for_each(report);
        Ok(())
    }

    /// Writes under the guard of a page that shows an object.
    pub(super) fn write_under_view(
        &mut self,
        page: PageRange,
        content: Content,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let object = self.objects.holder(content, 1)?;
        let descriptor = object.descriptor().ok_or(Refusal::NoObject)?.raw();
        let at = content.first * self.geometry.page;
        match content.view {
            View::Shared => {
                let done = sys::pwrite(descriptor, bytes, at + offset as u64);
                self.told(done.map(drop))?;
                self.doubt_stores(page);
                Ok(())
            }
            View::Snapshot => {
                let mut fresh: Bytes = [0; PAGE as usize];
                let loaded = sys::pread(descriptor, &mut fresh, at);
                self.told(loaded.map(drop))?;
                self.write_to_slot(page, &fresh, offset, bytes)
            }
        }
    }
}
