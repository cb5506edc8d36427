//! Taking a promotion back of which some windows were done.
//!
//! ```text
//!   showed before              shows afterwards
//!   private                    a private view of the new object, which nobody else has
//!   shared pages of another    those, with the bytes of now: one more promotion
//!   a snapshot                 the same snapshot, all of its pages stored to
//! ```
//!
//! So every place holds the bytes that it would have had without the attempt.

use alloc::vec::Vec;

use pagewright_core::{Access, Content, PageRange, Showing, View};

use super::promote::window_end;
use super::show::Closed;
use super::{Linux, addr, len, prot};
use crate::sys::{self, Advice};

impl Linux {
    /// The first `done` pages of `places` show `content`, and are to show what they did:
    /// `before`, run by run, for the first place, and the same for the others. Best effort;
    /// whatever fails, no byte is lost.
    pub(super) fn undo(
        &mut self,
        places: &[Showing],
        done: u64,
        content: Content,
        before: &[(PageRange, Option<Content>)],
        bounce: &mut [u8],
    ) {
        let page = self.geometry.page;
        let base = places[0].range;
        for &(run, old) in before {
            let start = (run.start().get() - base.start().get()) / page;
            let end = (start + run.bytes() / page).min(done);
            let mut at = start;
            while at < end {
                let next = window_end(base, at, page).min(end);
                let parts = cut(places, at, next, page);
                let old = old.map(|old| old.after(at - start));
                match old.filter(|old| old.view == View::Shared) {
                    Some(old) => drop(self.promote_window(places, &parts, old, bounce)),
                    None => parts.iter().for_each(|part| self.privatise(part, content.after(at), old)),
                }
                at = next;
            }
        }
    }

    /// Makes the bytes of `content`, which a place shows, the place's own.
    fn privatise(&mut self, part: &Showing, content: Content, old: Option<Content>) {
        let view = content.viewed(View::Snapshot);
        self.budget.note(2);
        let (showing, access) = match old.filter(|old| *old != view) {
            None => (view, part.access),
            Some(old) => (old, part.access | Access::READ | Access::WRITE),
        };
        if self.map_object(part.range, view, access).is_err() {
            return;
        }
        self.note_shown(part.region, part.range, view, part.access, Closed::Stays);
        if showing == view {
            return;
        }
        // What pages show that were stored to does not depend on what they are a snapshot of.
        if self.advise(part.range, Advice::PopulateWrite).is_ok() {
            self.shown.set(part.range, showing);
        }
        // SAFETY: the place gets back the access that it had.
        let _ = unsafe { sys::mprotect(addr(part.range), len(part.range), prot(part.access)) };
    }
}

/// The pages `first..end` of each place, counted from its start.
pub(super) fn cut(places: &[Showing], first: u64, end: u64, page: u64) -> Vec<Showing> {
    let part = |place: &Showing| {
        let start = place.range.start().get();
        let range = PageRange::between(start + first * page, start + end * page)?;
        Some(Showing { range, ..*place })
    };
    places.iter().filter_map(part).collect()
}
