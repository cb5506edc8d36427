//! What the child of a fork does not get.
//!
//! The kernel keeps that with a mapping, so it is lost where another one is put in its
//! place: what must stay is remembered here, and said again.

use pagewright_core::interval::IntervalMap;
use pagewright_core::{Inheritance, PageRange, Refusal, Standing};

use super::{Linux, foreign};
use crate::sys::Advice;

/// The ranges that are kept from a child.
#[derive(Clone, Debug, Default)]
pub(super) struct Withheld {
    map: IntervalMap<()>,
}

impl Withheld {
    /// The parts of `range` that are kept from a child.
    fn parts(&self, range: PageRange) -> impl Iterator<Item = PageRange> + '_ {
        self.map.iter_from(range.start().get()).map_while(move |entry| {
            PageRange::between(entry.start, entry.end).and_then(|part| part.intersection(range))
        })
    }

    pub(super) fn add(&mut self, range: PageRange) {
        self.forget(range);
        self.map.insert(range.start().get(), range.end().get(), ());
    }

    /// Drops what is known of `range`.
    pub(super) fn forget(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(entry) = self.map.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, ())) = self.map.remove(entry.start) else { return };
            if start < low {
                self.map.insert(start, low, ());
            }
            if high < end {
                self.map.insert(high, end, ());
            }
        }
    }
}

impl Linux {
    pub(super) fn bequeath(&mut self, range: PageRange, inheritance: Inheritance) -> Result<(), Refusal> {
        match inheritance {
            Inheritance::None => {
                self.budget.need(2)?;
                let told = self.advise(range, Advice::DontFork);
                self.told(told)?;
                self.withheld.add(range);
            }
            Inheritance::Copy | Inheritance::Share => {
                let parts: alloc::vec::Vec<_> = self.withheld.parts(range).collect();
                for part in parts {
                    let told = self.advise(part, Advice::DoFork);
                    self.told(told)?;
                    self.withheld.forget(part);
                }
                self.withhold_guarded(range);
            }
        }
        Ok(())
    }

    /// Says of new mappings what was said of the ones that stood there.
    pub(super) fn withhold(&mut self, range: PageRange) {
        let parts: alloc::vec::Vec<_> = self.withheld.parts(range).collect();
        for part in parts {
            // The old mapping took this very advice, and the new one is ours as well.
            let _ = self.advise(part, Advice::DontFork);
        }
    }

    /// Whether there is a mapping where a range of ours begins.
    pub(super) fn is_there(&self, range: PageRange) -> bool {
        let run = foreign(&self.maps, range.start().get(), range.end().get());
        run.map_or(true, |run| run.standing != Standing::Free)
    }

    /// Forgets a range that this process did not get when it was forked.
    pub(super) fn forsake_pages(&mut self, range: PageRange) {
        self.forsake_posts(range);
        self.forget(range);
        self.marked.remove(range);
        self.shown.forget(range);
        self.watched.forget(range);
        self.withheld.forget(range);
        self.wishes.forget(range);
        self.yielded.forget(range);
    }
}
