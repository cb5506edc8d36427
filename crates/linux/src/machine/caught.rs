//! What is caught where a guard stands that is met by waiting, and what is not any more once it is gone: in
//! watched memory both concern the same pages.

use alloc::vec::Vec;

use pagewright_core::PageRange;

use super::Linux;
use super::pages::{PageList, Which};
use super::sentry::page_of;
use super::watch::WatchWay;
use crate::sys::{Catch, userfault};

impl Linux {
    /// What is caught where a guard stands.
    pub(super) fn catch(&mut self, range: PageRange) -> Catch {
        let moves = self.faults.features() & userfault::MOVE != 0;
        match self.watched_by(range) {
            Some(WatchWay::Async) => Catch::StoresAndUntouched,
            Some(WatchWay::Sync | WatchWay::Mprotect) => {
                // What notes stores there cannot while a guard stands: so they count as made, where
                // there is anything that could be stored to.
                self.leave_unwatched(range);
                self.count_those(range, Which::Filled);
                if moves { Catch::Untouched } else { Catch::StoresAndUntouched }
            }
            None if moves => Catch::Untouched,
            None => Catch::StoresAndUntouched,
        }
    }

    /// Nothing is caught any more where a guard was; who waits goes on. The pages that start at
    /// `back` were put back.
    pub(super) fn open_range(&mut self, range: PageRange, back: &[u64]) {
        match self.watched_by(range) {
            // To take one thing away forgets the other: so what has memory keeps both.
            Some(WatchWay::Async) => {
                self.sentry.caught.remove(range);
                for page in back.iter().copied().filter_map(page_of) {
                    self.sentry.caught.add(page);
                }
                for empty in self.sentry.caught.outside(range) {
                    self.watch_anew(empty);
                }
                self.faults.wake(range);
            }
            Some(WatchWay::Sync | WatchWay::Mprotect) => self.watch_anew(range),
            None => self.faults.unregister(range),
        }
    }

    /// Stores are noted where nothing had memory, and that alone: the kernel itself would fail
    /// there, to lock a page, say, where the program waits.
    fn watch_anew(&mut self, range: PageRange) {
        self.faults.unregister(range);
        self.watch_again(range);
        // What was stored between the two was not noted, and is there now.
        self.count_those(range, Which::InMemory);
    }

    /// Such pages count as stored to.
    fn count_those(&mut self, range: PageRange, which: Which) {
        let mut stored = Vec::new();
        let listed = PageList::open().and_then(|list| {
            list.each(range, which, &mut |run| {
                stored.push(run);
                Ok(())
            })
        });
        if listed.is_err() {
            stored = alloc::vec![range];
        }
        stored.into_iter().for_each(|run| self.count_as_stored(run));
    }
}
