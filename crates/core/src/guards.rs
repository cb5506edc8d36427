//! Guards that faults disarm by themselves.
//!
//! A fault on a guarded page happens anywhere: in a signal handler that may take no lock
//! and no memory, while the truth exists in two copies. So beside the state of a page there
//! is one bit that says whether its guard was met since it was armed. All copies of the
//! truth have the same bits; each arming brings fresh ones.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

/// Pages whose bits are in one word.
const WORD: u64 = 64;

/// Which pages of a range had their guard met since it was armed.
#[derive(Clone, Debug)]
pub struct Met {
    first: u64,
    words: Arc<[AtomicU64]>,
}

/// Whose access it was that met a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This one: the guard is gone from now on.
    First,
    /// An earlier one.
    Late,
}

impl Met {
    /// No guard of the pages `first..end` was met.
    pub(crate) fn none(first: u64, end: u64) -> Self {
        let words = (end - first).div_ceil(WORD);
        Self { first, words: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Meets the guard of a page. Takes no lock and no memory.
    fn meet(&self, page: u64) -> Turn {
        let (word, bit) = self.place(page);
        let before = self.words.get(word).map_or(u64::MAX, |word| word.fetch_or(bit, Ordering::SeqCst));
        if before & bit == 0 { Turn::First } else { Turn::Late }
    }

    fn is_met(&self, page: u64) -> bool {
        let (word, bit) = self.place(page);
        self.words.get(word).is_some_and(|word| word.load(Ordering::SeqCst) & bit != 0)
    }

    const fn place(&self, page: u64) -> (usize, u64) {
        let index = page - self.first;
        ((index / WORD) as usize, 1 << (index % WORD))
    }

    /// The bits of the word that `page` is in, those set that differ from `state`.
    fn differing(&self, page: u64, state: bool) -> u64 {
        let word = self.words.get(((page - self.first) / WORD) as usize);
        let word = word.map_or(0, |word| word.load(Ordering::SeqCst));
        if state { !word } else { word }
    }

    /// The end of the run of pages from `page` on that are as it was found, at most `limit`.
    fn run_end(&self, page: u64, limit: u64, state: bool) -> u64 {
        let mut at = page;
        while at < limit {
            let bit = (at - self.first) % WORD;
            let rest = self.differing(at, state) >> bit;
            if rest != 0 {
                // A bit that was set just now must not make the run empty.
                return (at + u64::from(rest.trailing_zeros())).clamp(page + 1, limit);
            }
            at += WORD - bit;
        }
        limit
    }

    /// The start of the run of pages up to and with `page` that are as it is, at least `limit`.
    fn run_start(&self, page: u64, limit: u64) -> u64 {
        let state = self.is_met(page);
        let mut at = page;
        loop {
            let bit = (at - self.first) % WORD;
            let rest = self.differing(at, state) << (WORD - 1 - bit);
            if rest != 0 {
                return (at + 1).saturating_sub(u64::from(rest.leading_zeros())).clamp(limit, page);
            }
            if at - self.first <= bit || at - bit <= limit {
                return limit;
            }
            at -= bit + 1;
        }
    }
}

/// The bits of all pages of a region whose guards were armed, by range: what armed a page
/// last is what counts.
#[derive(Clone, Debug)]
pub(crate) struct Guards {
    /// Disjoint ranges by their first page: the page behind the last, and the bits.
    map: BTreeMap<u64, (u64, Met)>,
}

impl Guards {
    pub(crate) const fn new() -> Self {
        Self { map: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    fn of(&self, page: u64) -> Option<(u64, u64, &Met)> {
        let (&start, (end, met)) = self.map.range(..=page).next_back()?;
        (page < *end).then_some((start, *end, met))
    }

    /// Whether the guard of a page was met since it was armed.
    pub(crate) fn is_met(&self, page: u64) -> bool {
        self.of(page).is_some_and(|(_, _, met)| met.is_met(page))
    }

    /// Meets the guard of a page; `None` if nobody can without changing the truth.
    pub(crate) fn meet(&self, page: u64) -> Option<Turn> {
        self.of(page).map(|(_, _, met)| met.meet(page))
    }

    /// Whether the guard of a page was met, and the end of the run of pages from there on
    /// that are alike: both of one moment, for a fault may meet it while somebody looks.
    pub(crate) fn run(&self, page: u64, limit: u64) -> (bool, u64) {
        match self.of(page) {
            Some((_, end, met)) => {
                let state = met.is_met(page);
                (state, met.run_end(page, end.min(limit), state))
            }
            None => (false, self.map.range(page..).next().map_or(limit, |(start, _)| limit.min(*start))),
        }
    }

    /// The start of the run of pages up to and with `page` that are met, or not, as it is.
    pub(crate) fn run_start(&self, page: u64, limit: u64) -> u64 {
        match self.of(page) {
            Some((start, _, met)) => met.run_start(page, start.max(limit)),
            None => self.map.range(..page).next_back().map_or(limit, |(_, (end, _))| limit.max(*end)),
        }
    }

    /// From now on these bits count for the pages `first..end`.
    pub(crate) fn arm(&mut self, first: u64, end: u64, met: Met) {
        self.forget(first, end);
        self.map.insert(first, (end, met));
    }

    /// Drops the bits of the pages `first..end`.
    pub(crate) fn forget(&mut self, first: u64, end: u64) {
        self.cut(first);
        self.cut(end);
        while let Some((&start, _)) = self.map.range(first..end).next() {
            self.map.remove(&start);
        }
    }

    /// Cuts at `page`, and gives back what is from there on.
    pub(crate) fn split_off(&mut self, page: u64) -> Self {
        self.cut(page);
        Self { map: self.map.split_off(&page) }
    }

    /// Makes `page` the start of a range if it is inside of one.
    fn cut(&mut self, page: u64) {
        if let Some((_, (end, met))) = self.map.range_mut(..page).next_back()
            && page < *end
        {
            let upper = (core::mem::replace(end, page), met.clone());
            self.map.insert(page, upper);
        }
    }

    /// Proves that the ranges are disjoint, lie in `first..end`, and have a bit for each page.
    pub(crate) fn check(&self, first: u64, end: u64) -> Result<(), &'static str> {
        let mut last = first;
        for (&start, (stop, met)) in &self.map {
            if start < last || start >= *stop || *stop > end {
                return Err("the bits of guards are not ascending, disjoint and inside of the region");
            }
            if start < met.first || *stop > met.first + met.words.len() as u64 * WORD {
                return Err("a guarded page has no bit");
            }
            last = *stop;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_a_bit_differs() {
        let mut guards = Guards::new();
        guards.arm(100, 400, Met::none(100, 400));
        for page in [100, 164, 165, 300, 399] {
            assert_eq!(guards.meet(page), Some(Turn::First));
            assert_eq!(guards.meet(page), Some(Turn::Late));
        }
        assert_eq!(guards.meet(400), None);
        let runs = [(100, 101), (101, 164), (164, 166), (166, 300), (300, 301), (301, 399), (399, 400)];
        for (start, end) in runs {
            for page in start..end {
                let (met, stop) = guards.run(page, 1000);
                assert_eq!((guards.run_start(page, 0), stop), (start, end), "{page}");
                assert_eq!(met, guards.is_met(page));
            }
        }
        assert_eq!((guards.run_start(90, 7), guards.run(90, 1000)), (7, (false, 100)));
        assert_eq!((guards.run_start(500, 7), guards.run(500, 1000)), (400, (false, 1000)));
    }

    #[test]
    fn a_guard_that_is_met_meanwhile_ends_the_run_that_it_began() {
        let met = Met::none(0, 200);
        let found = met.is_met(5);
        for page in [5, 6, 7, 130] {
            met.meet(page);
        }
        assert_eq!(met.run_end(5, 200, found), 6, "not the run of those that were met");
        assert_eq!(met.run_end(8, 200, false), 130);
    }

    #[test]
    fn the_last_arming_counts_and_halves_share_their_bits() {
        let mut guards = Guards::new();
        guards.arm(0, 200, Met::none(0, 200));
        assert_eq!(guards.meet(50), Some(Turn::First));
        guards.arm(40, 60, Met::none(40, 60));
        assert!(!guards.is_met(50));
        let copy = guards.clone();
        let upper = guards.split_off(100);
        assert_eq!(upper.meet(150), Some(Turn::First));
        assert!(copy.is_met(150) && !guards.is_met(150));
        guards.check(0, 100).expect("the lower half holds");
        upper.check(100, 200).expect("the upper half holds");
        guards.forget(10, 90);
        assert_eq!((guards.meet(10), guards.meet(9)), (None, Some(Turn::First)));
    }
}
