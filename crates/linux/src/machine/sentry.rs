//! Guards that are met by waiting: for memory whose program has its own handler of faults.
//!
//! ```text
//!   armed     the mapping has the access that it will have once met, and the page has no
//!             memory: whoever accesses it waits, and a message says so
//!   untouched pages are so anyway
//!   others    are taken out in one step, and kept in the stash
//!   met       the page is put back, and who waits goes on
//! ```
//!
//! The kernel's own accesses, in a system call, do not wait: they fail with `EFAULT`, as they
//! do where a page is inaccessible. They do not meet the guard (a documented difference, GP09).
//!
//! A forked child has nothing registered: a page that was taken out would read as zeros there. So
//! what is taken out is kept from children, who fault instead, until the child's own machine puts
//! it there again ([`Linux::reidentify`]): then nobody guards it until [`Linux::rearm`].

use alloc::vec::Vec;

use pagewright_core::interval::IntervalMap;
use pagewright_core::{Access, Content, PageRange, Refusal, Truth, Va, Wiring};

use super::ranges::Ranges;
use super::stash::Stash;
use super::watch::WatchWay;
use super::{Linux, addr};
use crate::sys::{self, Advice, Errno, Fault, FaultKind};

/// How often something is tried again that is refused while others change mappings or share
/// a page.
pub(super) const ATTEMPTS: u32 = 64;

/// Bytes of a page.
pub(super) const PAGE: u64 = 0x1000;

/// How an armed guard stands in the mappings, and so who notices that it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Guarding {
    /// The page is inaccessible; a handler of `SIGSEGV` notices.
    #[default]
    Signal,
    /// Whoever accesses the page waits; a thread that reads messages notices.
    Userfault,
    /// The page is inaccessible, and nobody notices.
    Closed,
}

/// When those who wait at a guard that was met go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Release {
    /// At once.
    #[default]
    Now,
    /// When the owner says so: it has to tell them something first.
    Later,
}

/// A range of guards that are armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Post {
    /// What may be done once they are met.
    pub(super) access: Access,
    /// Whether children are kept from having the range, as they must where a page is out.
    pub(super) child: Child,
    pub(super) stand: Stand,
    /// Of pages that show an object: whether they are to be locked when the guard is gone, which they
    /// were before.
    pub(super) wiring: Wiring,
}

/// Whether a guard is still to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Armed,
    /// It was, and nothing has been put back yet: who waits there has to be told first. A page
    /// that comes back while its thread is on the way to wait lets that go through untold.
    Met,
}

impl Post {
    pub(super) const fn new(access: Access) -> Self {
        Self { access, child: Child::Inherits, stand: Stand::Armed, wiring: Wiring::Pageable }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Inherits,
    Lacks,
}

/// What stands guard, and what it keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Sentry {
    guarding: Guarding,
    pub(super) posts: IntervalMap<Post>,
    pub(super) stash: Stash,
    pub(super) release: Release,
    /// Watched pages that were put back when their guard was gone: should they lose their memory,
    /// accesses to them wait still, and are let go on each.
    pub(super) caught: Ranges,
    /// Guards that this process had in its parent, and that nobody guards yet.
    pub(super) lapsed: Vec<(PageRange, Access)>,
}

impl Sentry {
    /// Whether it has nothing to do with any page: most programs have no guard that is met by
    /// waiting, and every change of pages asks.
    fn is_idle(&self) -> bool {
        self.posts.is_empty() && self.caught.is_empty() && self.lapsed.is_empty()
    }

    /// The parts of `range` that are armed.
    pub(super) fn posts_in(&self, range: PageRange) -> Vec<(PageRange, Post)> {
        let parts = self.posts.iter_from(range.start().get()).map_while(|entry| {
            let whole = PageRange::between(entry.start, entry.end)?;
            Some((whole.intersection(range)?, *entry.value))
        });
        parts.collect()
    }

    /// The parts of `range` that are not.
    pub(super) fn gaps_in(&self, range: PageRange) -> Vec<PageRange> {
        let mut gaps = Vec::new();
        let mut at = range.start().get();
        for (part, _) in self.posts_in(range) {
            gaps.extend(PageRange::between(at, part.start().get()));
            at = part.end().get();
        }
        gaps.extend(PageRange::between(at, range.end().get()));
        gaps
    }

    pub(super) fn set(&mut self, range: PageRange, post: Post) {
        self.forget(range);
        self.posts.insert(range.start().get(), range.end().get(), post);
    }

    /// What of `range` was guarded in the parent of this process is not to be armed again.
    fn forget_lapsed(&mut self, range: PageRange) {
        if self.lapsed.is_empty() {
            return;
        }
        for (part, access) in core::mem::take(&mut self.lapsed) {
            let before = PageRange::between(part.start().get(), part.end().min(range.start()).get());
            let after = PageRange::between(part.start().max(range.end()).get(), part.end().get());
            self.lapsed.extend(before.into_iter().chain(after).map(|rest| (rest, access)));
        }
    }

    /// Drops what is known of `range`, cutting entries at its ends.
    pub(super) fn forget(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(entry) = self.posts.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, post)) = self.posts.remove(entry.start) else { return };
            if start < low {
                self.posts.insert(start, low, post);
            }
            if high < end {
                self.posts.insert(high, end, post);
            }
        }
    }
}

/// The truth, with the access that pages have once their guards are met.
struct Unguarded<'a>(&'a dyn Truth);

impl Truth for Unguarded<'_> {
    fn run(&self, at: Va) -> (Va, Option<Access>) {
        let (end, access) = self.0.run(at);
        (end, access.map(Access::unguarded))
    }

    fn content(&self, at: Va) -> (Va, Option<Content>) {
        self.0.content(at)
    }
}

/// How guards are armed, told by the owner of the machine.
impl Linux {
    /// How guards are armed from now on; those that are armed stay as they are.
    pub const fn set_guarding(&mut self, guarding: Guarding) {
        self.sentry.guarding = guarding;
    }

    /// How guards are armed.
    pub const fn guarding(&self) -> Guarding {
        self.sentry.guarding
    }

    /// What of userfaultfd is used; before the first guard or watched memory.
    pub const fn set_faults(&mut self, faults: super::Faults) {
        self.faults.set(faults);
    }

    /// Where messages of accesses that wait can be read, once a guard has been armed.
    pub fn messages(&self) -> Option<i32> {
        self.faults.known()
    }

    /// Who keeps that descriptor from here on where the program cannot close it.
    pub fn set_keeper(&mut self, keeper: super::Keeper) {
        self.faults.set_keeper(keeper);
    }

    /// The same, made ready for the first guard.
    ///
    /// # Errors
    /// `Unsupported`: userfaultfd is forbidden, or the kernel has none; `NoObject`: no descriptor.
    pub fn open_messages(&mut self) -> Result<i32, Refusal> {
        self.check_guards()?;
        self.faults.for_messages().map_err(|_| Refusal::NoObject)
    }

    /// Whether any guard stands that is met by waiting.
    pub fn has_sentries(&self) -> bool {
        !self.sentry.posts.is_empty()
    }

    /// Whether such a guard stands on the page at `at`.
    pub fn is_posted(&self, at: u64) -> bool {
        self.sentry.posts.get(at).is_some()
    }

    /// From here on who waits at a guard that is met goes on waiting until [`Self::let_go_on`].
    pub const fn hold_waiters(&mut self) {
        self.sentry.release = Release::Later;
    }

    /// From here on nobody goes on waiting; those who do already stay.
    pub const fn release_at_once(&mut self) {
        self.sentry.release = Release::Now;
    }

    /// Lets those go on who wait on the page at `at`: their guard was met, and what was kept is put
    /// back. If it was armed again meanwhile, they meet that.
    ///
    /// # Errors
    /// It could not be put back for want of memory: they wait on.
    pub fn let_go_on(&mut self, at: u64) -> Result<(), Refusal> {
        let Some(page) = page_of(at) else { return Ok(()) };
        match self.sentry.posts.get(at).map(|entry| entry.value.stand) {
            Some(Stand::Met) => self.disarm(page)?,
            Some(Stand::Armed) | None => {}
        }
        self.faults.wake(page);
        Ok(())
    }

    /// Lets an access go on that waits where no guard is: it was met by another one.
    pub fn dismiss(&mut self, fault: &Fault) {
        let Some(page) = page_of(fault.at) else { return };
        if fault.kind == FaultKind::ProtectedStore {
            // Held up while the page was taken out; whoever did that has woken it.
            return;
        }
        match self.sentry.posts.get(fault.at).map(|entry| entry.value.stand) {
            // Whoever is told of that lets it go on.
            Some(Stand::Met) => return,
            Some(Stand::Armed) => {}
            // In watched memory, pages without content are caught after their guard is gone, too.
            None => self.fill_caught(page),
        }
        self.faults.wake(page);
    }

    fn fill_caught(&mut self, page: PageRange) {
        let arrival = self.arrival(page.start().get());
        if let Some(fd) = self.faults.known() {
            // SAFETY: what has no memory reads as zeros.
            let _ = unsafe { sys::userfault_copy(fd, addr(page), &[0; PAGE as usize], arrival) };
        }
    }

    /// Opens a page whose guard could not be met as it should: whoever waits there must not do
    /// so for ever.
    pub fn give_up(&mut self, at: u64) {
        if let Some(page) = page_of(at) {
            self.take_down(page);
        }
    }

    /// Arms again what was armed in the parent of this process. Best effort: what cannot be
    /// is an ordinary page.
    pub fn rearm(&mut self) {
        for (range, access) in core::mem::take(&mut self.sentry.lapsed) {
            let _ = self.arm(range, access);
        }
    }

    /// Whether there is anything that [`Self::rearm`] would arm.
    pub fn has_lapsed(&self) -> bool {
        !self.sentry.lapsed.is_empty()
    }

    /// Makes all armed guards ordinary pages: nobody will be there to open them.
    ///
    /// # Errors
    /// Some could not be put back for want of memory, and stand as they were.
    pub fn dissolve(&mut self) -> Result<(), Refusal> {
        let user = PageRange::between(0, self.geometry.user_end());
        user.map_or(Ok(()), |all| self.disarm(all))?;
        let caught = core::mem::take(&mut self.sentry.caught);
        caught.iter().for_each(|range| self.faults.unregister(range));
        Ok(())
    }
}

/// What the calls of the machine do.
impl Linux {
    /// Makes a change that gives pages of `range` this access, and arms or disarms their guards.
    ///
    /// On error a part may have changed, or nothing if guards cannot be armed here.
    pub(super) fn with_guards(
        &mut self,
        range: PageRange,
        access: Access,
        change: impl FnOnce(&mut Self, Access) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.posts_for(access) {
            self.check_guards()?;
            change(self, access.unguarded())?;
            return self.arm(range, access);
        }
        change(self, access)?;
        self.disarm(range)
    }

    /// The same for memory that is made; on error there is none.
    pub(super) fn reserve_with_guards(
        &mut self,
        range: PageRange,
        access: Option<Access>,
    ) -> Result<(), Refusal> {
        let Some(access) = access.filter(|access| self.posts_for(*access)) else {
            return self.reserve_pages(range, access);
        };
        self.check_guards()?;
        self.reserve_pages(range, Some(access.unguarded()))?;
        self.arm(range, access).inspect_err(|_| self.unmake(range))
    }

    /// Whether pages of this access are guarded by waiting.
    pub(super) fn posts_for(&self, access: Access) -> bool {
        self.sentry.guarding == Guarding::Userfault && access.contains(Access::GUARD)
    }

    /// Whether guards can be armed at all.
    pub(super) fn check_guards(&mut self) -> Result<(), Refusal> {
        self.faults.get().map(drop).map_err(|error| match error {
            Errno::EMFILE | Errno::ENFILE => Refusal::NoObject,
            Errno::ENOMEM => Refusal::OutOfMemory,
            _other => Refusal::Unsupported,
        })
    }

    /// Arms every page of `range`, which has the access already that it will have when met.
    ///
    /// On error a part may be armed.
    pub(super) fn arm(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        let access = access.unguarded();
        for (part, post) in self.sentry.posts_in(range) {
            self.sentry.set(part, Post { access, stand: Stand::Armed, ..post });
        }
        for gap in self.sentry.gaps_in(range) {
            self.post(gap, access).inspect_err(|_| self.take_down(gap))?;
        }
        Ok(())
    }

    /// Arms pages that are not.
    fn post(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        let runs: Vec<_> = self.shown.runs(range).collect();
        runs.into_iter().try_for_each(|(run, content)| match content {
            Some(content) => self.post_shown(run, content, access),
            None => self.post_private(run, access),
        })
    }

    /// The same for memory that shows nothing but itself.
    pub(super) fn post_private(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.budget.need(2)?;
        let catch = self.catch(range);
        let registered = self.faults.register(range, catch);
        registered.map_err(|error| self.cannot_post(error))?;
        self.sentry.set(range, Post::new(access));
        self.take_out(range, access)
    }

    pub(super) fn cannot_post(&mut self, error: Errno) -> Refusal {
        match error {
            Errno::EBUSY => Refusal::Special,
            Errno::EINVAL | Errno::EPERM | Errno::ENOSYS | Errno::EBADF => Refusal::Unsupported,
            other => self.refusal(other),
        }
    }

    /// Puts everything in `range` back that was taken out, and takes the guards away.
    ///
    /// On error what could not be put back stays guarded.
    #[inline]
    pub(super) fn disarm(&mut self, range: PageRange) -> Result<(), Refusal> {
        if self.sentry.is_idle() { Ok(()) } else { self.disarm_some(range) }
    }

    fn disarm_some(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.sentry.forget_lapsed(range);
        for (part, post) in self.sentry.posts_in(range) {
            if self.sentry.release == Release::Later {
                self.sentry.set(part, Post { stand: Stand::Met, ..post });
                continue;
            }
            let kept = self.sentry.stash.kept_in(part);
            for at in &kept {
                let back = self.put_back_page(*at);
                self.told(back)?;
            }
            self.stand_down(part, post);
            if self.shown.hull(part).is_some() {
                self.open_view(part, &post);
            } else {
                self.open_range(part, &kept);
            }
        }
        Ok(())
    }

    /// The same as far as possible: what cannot be put back now stays as it is.
    fn take_down(&mut self, range: PageRange) {
        let _ = self.disarm(range);
    }

    /// The guards of a range whose content is gone, or replaced, are no more.
    #[inline]
    pub(super) fn forsake_guards(&mut self, range: PageRange) {
        if !self.sentry.is_idle() {
            self.forsake_some_guards(range);
        }
    }

    fn forsake_some_guards(&mut self, range: PageRange) {
        self.sentry.forget_lapsed(range);
        for (part, post) in self.sentry.posts_in(range) {
            for at in self.sentry.stash.kept_in(part) {
                self.sentry.stash.drop_page(at);
            }
            self.stand_down(part, post);
            self.let_be(part);
            self.faults.wake(part);
        }
        for part in self.sentry.caught.inside(range) {
            self.sentry.caught.remove(part);
            self.let_be(part);
        }
    }

    /// Nothing is caught any more where content went with its guards.
    fn let_be(&mut self, range: PageRange) {
        self.faults.unregister(range);
        match self.watched_by(range) {
            // What gets memory again is watched from then on.
            Some(WatchWay::Async) | None => {}
            Some(WatchWay::Sync | WatchWay::Mprotect) => self.watch_again(range),
        }
    }

    /// The same for a range that is mapped no more, and may be anybody's by now: no mapping is touched.
    pub(super) fn forsake_posts(&mut self, range: PageRange) {
        for (part, _) in self.sentry.posts_in(range) {
            for at in self.sentry.stash.kept_in(part) {
                self.sentry.stash.drop_page(at);
            }
            self.sentry.forget(part);
            self.faults.wake(part);
        }
        self.sentry.caught.remove(range);
        self.sentry.forget_lapsed(range);
        self.tidy_stash();
    }

    fn tidy_stash(&mut self) {
        if self.sentry.posts.is_empty() {
            self.sentry.stash.clear();
        }
    }

    fn stand_down(&mut self, part: PageRange, post: Post) {
        self.sentry.forget(part);
        if post.child == Child::Lacks {
            let _ = self.advise(part, Advice::DoFork);
            self.withhold(part);
        }
        self.tidy_stash();
    }

    /// Re-derives a range from the truth, guards included.
    pub(super) fn rederive_guarded(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth) {
        if self.sentry.guarding != Guarding::Userfault {
            self.rederive(region, range, truth);
            return self.take_down(range);
        }
        self.rederive(region, range, &Unguarded(truth));
        let mut rest = Some(range);
        while let Some(left) = rest {
            let (end, access) = truth.run(left.start());
            let end = end.get().clamp(left.start().get() + self.geometry.page, left.end().get());
            let Some(run) = PageRange::between(left.start().get(), end) else { return };
            match access {
                // Best effort: what cannot be armed is an ordinary page.
                Some(access) if access.contains(Access::GUARD) => {
                    let _ = self.arm(run, access);
                }
                Some(_) => self.take_down(run),
                None => self.forsake_guards(run),
            }
            rest = PageRange::between(end, left.end().get());
        }
    }
}

/// The page that holds an address.
pub(super) const fn page_of(at: u64) -> Option<PageRange> {
    let start = at & !(PAGE - 1);
    PageRange::between(start, start.saturating_add(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first * PAGE, end * PAGE).expect("not empty")
    }

    #[test]
    fn what_changed_since_a_fork_is_not_armed_again() {
        let access = Access::READ;
        let lapsed = alloc::vec![(range(1, 4), access), (range(6, 9), access), (range(12, 13), access)];
        let mut sentry = Sentry { lapsed, ..Sentry::default() };
        sentry.forget_lapsed(range(2, 3));
        sentry.forget_lapsed(range(8, 20));
        let left: Vec<_> = sentry.lapsed.iter().map(|(range, _)| *range).collect();
        assert_eq!(left, [range(1, 2), range(3, 4), range(6, 8)]);
    }
}
