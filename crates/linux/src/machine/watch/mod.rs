//! Watched memory: which pages were stored to.
//!
//! ```text
//!   regions   watched allocations: pages with memory are *armed*, and the first store to an
//!             armed page is noted, by one of three ways (module `way`)
//!   views     places elsewhere that show what watched pages do: armed as well, because a store
//!             through them changes the watched page too
//!   pending   pages of regions that count as stored to, whatever was noted: after something
//!             was mapped anew, after a fork, and when a store was noted for another
//!             watched page that is the same
//! ```
//!
//! A scan asks for all three. Whatever goes wrong leaves pages pending: they are reported once
//! too often, and never once too seldom.

mod keep;
mod list;
mod sync;
mod trap;
mod way;

use alloc::vec::Vec;

use pagewright_core::{Access, After, Content, PageRange, Refusal, View};

use super::ranges::Ranges;
use super::{Linux, Strategy};
use crate::sys::{self, Errno};
pub(super) use list::Listed;
use list::Told;
pub use sync::{hold_stores, pass_store, serve_stores};
pub(super) use trap::reopen;
pub use trap::{note_fault, open_trapped};
use way::{Stop, Ways};
pub use way::{WatchChoice, WatchHelp, WatchReason, WatchWay};

/// What a machine knows of watched memory.
#[derive(Debug, Default)]
pub(super) struct Watched {
    regions: Ranges,
    views: Ranges,
    pending: Ranges,
    ways: Ways,
}

impl Clone for Watched {
    /// Another machine has nothing armed.
    fn clone(&self) -> Self {
        let mut copy = Self { regions: self.regions.clone(), ways: self.ways.fresh(), ..Self::default() };
        copy.doubt_all();
        copy
    }
}

impl Watched {
    /// Everything counts as stored to.
    fn doubt_all(&mut self) {
        self.views = Ranges::default();
        self.pending = self.regions.clone();
    }

    /// Whether stores to a part of `range` are noted for those who ask.
    pub(super) fn watches(&self, range: PageRange) -> bool {
        self.regions.overlaps(range)
    }

    /// Whether the access of pages in `range` is not all that they have, because stores to them
    /// are to fault.
    pub(super) fn is_trapped(&self, range: PageRange) -> bool {
        self.ways.traps() && (self.regions.overlaps(range) || self.views.overlaps(range))
    }

    /// Changes what may be done with pages of which some are trapped.
    pub(super) fn protect_trapped(&self, range: PageRange, access: Access) -> sys::Result<()> {
        for part in self.regions.outside(range) {
            for plain in self.views.outside(part) {
                trap::apply(plain, access)?;
            }
        }
        let trapped = self.regions.inside(range).into_iter().chain(self.views.inside(range));
        trapped.into_iter().try_for_each(|part| trap::protect(part, access))
    }

    /// In `range` something else is mapped, with this access.
    pub(super) fn mapped_anew(&mut self, range: PageRange, access: Access) {
        if self.regions.is_empty() {
            return;
        }
        if self.ways.traps() {
            trap::mapped(range, access);
        }
        self.views.remove(range);
        for part in self.regions.inside(range) {
            self.pending.add(part);
        }
    }

    /// `range` is nobody's any more.
    pub(super) fn forget(&mut self, range: PageRange) {
        if self.is_trapped(range) {
            trap::forget(range);
        }
        self.regions.remove(range);
        self.views.remove(range);
        self.pending.remove(range);
    }

    /// Pages of `range` have no memory any more, and nothing is known of them.
    #[inline]
    pub(super) fn emptied(&mut self, range: PageRange) {
        if !self.regions.is_empty() {
            self.emptied_watched(range);
        }
    }

    fn emptied_watched(&mut self, range: PageRange) {
        if self.is_trapped(range) {
            trap::forget(range);
        }
        self.views.remove(range);
        self.pending.remove(range);
    }

    /// This is a forked child: nothing is armed, and descriptors mean the parent.
    pub(super) fn reidentify(&mut self) {
        self.ways.close();
        self.doubt_all();
    }

    /// This process has another descriptor table.
    pub(super) fn lose_descriptors(&mut self) {
        self.ways.lose();
    }
}

impl Linux {
    /// Begins to watch a range that was reserved just now, with this access if it has memory.
    ///
    /// # Errors
    /// Nothing is watched: `Unsupported` when there is no way.
    pub(super) fn begin_watch(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.budget.need(2)?;
        if self.watch_choice().way.is_none() {
            return Err(Refusal::Unsupported);
        }
        let armed = self.arm_stores(range);
        armed.map_err(|error| self.watch_refusal(error))?;
        self.watched.regions.add(range);
        Ok(())
    }

    /// Whether pages of `range` are opened by taking markers away: trapped ones each need an access
    /// of their own.
    pub(super) fn commits_by_marker(&self, range: PageRange) -> bool {
        self.choice.strategy == Strategy::Markers && !self.watched.is_trapped(range)
    }

    /// Pages got memory just now: they are clean.
    #[inline]
    pub(super) fn arm_fresh(&mut self, range: PageRange) -> Result<(), Refusal> {
        if self.watched.regions.is_empty() { Ok(()) } else { self.arm_fresh_watched(range) }
    }

    fn arm_fresh_watched(&mut self, range: PageRange) -> Result<(), Refusal> {
        if !self.watched.regions.overlaps(range) {
            return Ok(());
        }
        for part in self.unposted_regions(range) {
            let armed = self.arm_stores(part);
            armed.map_err(|error| self.watch_refusal(error))?;
            self.watched.pending.remove(part);
        }
        Ok(())
    }

    /// The watched parts of `range` where stores can be noted: where a guard stands that is met by waiting, only
    /// the kernel itself can do both.
    fn unposted_regions(&mut self, range: PageRange) -> Vec<PageRange> {
        let parts = self.watched.regions.inside(range);
        if !self.has_sentries() || self.watch_choice().way == Some(WatchWay::Async) {
            return parts;
        }
        parts.into_iter().flat_map(|part| self.sentry.gaps_in(part)).collect()
    }

    /// A range shows pages of an object from now on: others that show them are watched with it.
    pub(super) fn note_views(&mut self, range: PageRange, content: Content) {
        if self.watched.regions.is_empty() || content.view != View::Shared {
            return;
        }
        let twins = self.shown.twins(content, range.bytes() / self.geometry.page);
        if !twins.iter().any(|(place, _)| self.watched.regions.overlaps(*place)) {
            return;
        }
        for (place, _) in twins {
            for part in self.watched.regions.outside(place) {
                for fresh in self.watched.views.outside(part) {
                    self.learn_access(fresh);
                    if self.arm_stores(fresh).is_ok() {
                        self.watched.views.add(fresh);
                    }
                }
            }
        }
    }

    /// Finds out what may be done with a place of which stores are to fault from now on.
    fn learn_access(&self, range: PageRange) {
        let (mut at, end) = (range.start().get(), range.end().get());
        while self.watched.ways.traps() && at < end {
            let found = self.maps.at_or_after(at).ok().flatten().filter(|mapping| mapping.start <= at);
            let Some(mapping) = found else { return };
            let part = PageRange::between(at, mapping.end.min(end));
            part.into_iter().for_each(|part| trap::mapped(part, mapping.access));
            at = mapping.end;
        }
    }

    /// What `range` shows goes: watched pages elsewhere that are the same know of the stores that were
    /// noted here. Best effort.
    #[inline]
    pub(super) fn tell_before_loss(&mut self, range: PageRange) {
        if !self.watched.regions.is_empty() && self.shown.hull(range).is_some() {
            self.tell_of_loss(range);
        }
    }

    fn tell_of_loss(&mut self, range: PageRange) {
        let parts = self.watched.regions.inside(range).into_iter().chain(self.watched.views.inside(range));
        for part in parts.collect::<Vec<_>>() {
            let mut stored = Vec::new();
            if self.scan_or_doubt(part, u64::MAX, After::Keep, &mut stored).is_err() {
                stored.push(part);
            }
            stored.into_iter().for_each(|run| self.tell_twins(run, run));
        }
    }

    pub(super) fn written_pages<R: Told + ?Sized>(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut R,
    ) -> Result<(), Refusal> {
        if limit == 0 {
            return Ok(());
        }
        let is_alone = !self.watched.pending.overlaps(range) && self.shown.hull(range).is_none();
        if !is_alone {
            return self.written_anywhere(range, limit, after, &mut |run| report.run(run));
        }
        match self.scan_stores(range, limit, after, report) {
            Ok(()) => Ok(()),
            Err(Stop { rest, room, error: Errno::EPERM | Errno::ENOENT }) => {
                self.watched.pending.add(rest);
                self.written_anywhere(rest, room, after, &mut |run| report.run(run))
            }
            Err(Stop { error, .. }) => Err(self.watch_refusal(error)),
        }
    }

    /// Where not all is said by what was noted in the range itself.
    fn written_anywhere(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        let mut found = self.watched.pending.inside(range);
        let gathered = self.gather(range, limit, after, &mut found);
        if let Err(error) = gathered {
            // What was forgotten on the way stays known.
            found.into_iter().for_each(|run| self.watched.pending.add(run));
            return Err(self.watch_refusal(error));
        }
        let mut room = limit;
        for run in list::joined(found) {
            let (told, rest) = list::cut(run, room, self.geometry.page);
            if let Some(told) = told {
                room -= told.bytes() / self.geometry.page;
                report(told);
            }
            match after {
                After::Keep => {}
                After::Forget => self.tell(told, rest),
            }
        }
        Ok(())
    }

    /// Of what was found, `told` is reported and forgotten now, and `rest` is kept.
    fn tell(&mut self, told: Option<PageRange>, rest: Option<PageRange>) {
        if let Some(rest) = rest {
            self.watched.pending.add(rest);
        }
        let Some(told) = told else { return };
        for part in self.watched.pending.inside(told) {
            if self.arm_stores(part).is_ok() {
                self.watched.pending.remove(part);
            }
        }
    }

    /// Adds the stores that were noted, in the range and wherever its pages are shown.
    fn gather(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        found: &mut Vec<PageRange>,
    ) -> Result<(), Errno> {
        for part in self.watched.pending.outside(range) {
            let begun = found.len();
            self.scan_or_doubt(part, limit, after, found)?;
            if after == After::Forget && self.shown.hull(part).is_some() {
                for run in found[begun..].iter().copied() {
                    self.tell_twins(run, part);
                }
            }
        }
        let shown: Vec<_> = self.shown.shared_runs(range).collect();
        for (run, content) in shown {
            for (place, first) in self.shown.twins(content, run.bytes() / self.geometry.page) {
                if !place.overlaps(run) {
                    let own = run.start().get() + (first - content.first) * self.geometry.page;
                    self.gather_twin(place, own, after, found)?;
                }
            }
        }
        Ok(())
    }

    /// The stores through another view, which shows from its start on what is at `own`.
    fn gather_twin(
        &mut self,
        place: PageRange,
        own: u64,
        after: After,
        found: &mut Vec<PageRange>,
    ) -> Result<(), Errno> {
        let mut stored = Vec::new();
        self.scan_or_doubt(place, u64::MAX, after, &mut stored)?;
        let here = |run: PageRange| {
            let start = own + (run.start().get() - place.start().get());
            PageRange::between(start, start + run.bytes())
        };
        let ours: Vec<_> = stored.iter().copied().filter_map(here).collect();
        found.extend_from_slice(&ours);
        if after == After::Forget {
            ours.into_iter().for_each(|run| self.tell_twins(run, run));
        }
        Ok(())
    }

    /// A store to `run` was noted and forgotten: other watched pages that are the same know.
    fn tell_twins(&mut self, run: PageRange, own: PageRange) {
        let shown: Vec<_> = self.shown.shared_runs(run).collect();
        for (part, content) in shown {
            for (place, _) in self.shown.twins(content, part.bytes() / self.geometry.page) {
                if place.overlaps(own) {
                    continue;
                }
                for watched in self.watched.regions.inside(place) {
                    self.watched.pending.add(watched);
                }
            }
        }
    }

    /// Adds what was noted in `range`; all of it, where nothing could be noted.
    fn scan_or_doubt(
        &mut self,
        range: PageRange,
        limit: u64,
        after: After,
        found: &mut Vec<PageRange>,
    ) -> Result<(), Errno> {
        match self.scan_stores(range, limit, after, &mut Listed(found)) {
            Ok(()) => Ok(()),
            Err(Stop { rest, error: Errno::EPERM | Errno::ENOENT, .. }) => {
                found.push(rest);
                // From here on it can. Best effort: else it is doubtful the next time.
                match after {
                    After::Keep => {}
                    After::Forget => drop(self.arm_stores(rest)),
                }
                Ok(())
            }
            Err(Stop { error, .. }) => Err(error),
        }
    }

    /// Whether stores to a part of `range` are noted.
    pub(super) fn is_watched(&self, range: PageRange) -> bool {
        self.watched.watches(range)
    }

    /// How stores to `range` are noted; `None`: they are not.
    pub(super) fn watched_by(&mut self, range: PageRange) -> Option<WatchWay> {
        if self.watched.regions.overlaps(range) { self.watch_choice().way } else { None }
    }

    /// A watched range counts as stored to from now on, whatever is noted.
    pub(super) fn count_as_stored(&mut self, range: PageRange) {
        for part in self.watched.regions.inside(range) {
            self.watched.pending.add(part);
        }
    }

    /// Whether stores to a part of `range` are noted, be it for other pages that show the same.
    pub(super) fn is_noted(&self, range: PageRange) -> bool {
        self.watched.regions.overlaps(range) || self.watched.views.overlaps(range)
    }

    /// Stores through `range` may pass, or have passed, without being noted: what is watched of the pages that
    /// it shows counts as stored to.
    pub(super) fn doubt_stores(&mut self, range: PageRange) {
        if !self.watched.regions.is_empty() {
            self.count_as_stored(range);
            self.tell_twins(range, range);
        }
    }

    /// Stores to a range are noted again, of which none could be for a time.
    pub(super) fn note_again(&mut self, range: PageRange) {
        let parts = self.watched.regions.inside(range).into_iter().chain(self.watched.views.inside(range));
        for part in parts.collect::<Vec<_>>() {
            self.watch_again(part);
        }
        self.doubt_stores(range);
    }

    /// Whether a part of a range counts as stored to whatever is noted.
    pub(super) fn counts_as_stored(&self, range: PageRange) -> bool {
        self.watched.pending.overlaps(range)
    }

    /// Stores to a range are not noted for a time: a guard stands there.
    pub(super) fn leave_unwatched(&mut self, range: PageRange) {
        self.disarm_stores(range);
    }

    /// They are again. Best effort: where they are not, the next scan says so.
    pub(super) fn watch_again(&mut self, range: PageRange) {
        let _ = self.arm_stores(range);
    }

    /// Nobody will ask for stores any more: nobody waits to store, and all pages count as stored to, should
    /// somebody ask nevertheless.
    pub fn leave_watched(&mut self) {
        if !self.watched.regions.is_empty() {
            self.watched.ways.close();
            self.watched.doubt_all();
        }
    }

    fn watch_refusal(&mut self, error: Errno) -> Refusal {
        match error {
            Errno::EINVAL | Errno::EBUSY | Errno::ENOSYS | Errno::ENOTTY => Refusal::Unsupported,
            other => self.refusal(other),
        }
    }
}
