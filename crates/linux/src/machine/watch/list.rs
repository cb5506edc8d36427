//! Lists of runs of pages.

use alloc::vec::Vec;

use pagewright_core::PageRange;

use crate::sys::PageRun;

/// Who is told of stores.
pub(in super::super) trait Told {
    /// A run of pages.
    fn run(&mut self, run: PageRange);

    /// Several, as the kernel told them, all in `part`.
    fn runs(&mut self, part: PageRange, runs: &[PageRun]) {
        runs.iter().for_each(|run| self.run(of_kernel(part, run)));
    }
}

impl<F: FnMut(PageRange) + ?Sized> Told for F {
    fn run(&mut self, run: PageRange) {
        self(run);
    }
}

/// A list that they are added to: many at a time, because to look for room at each takes longer than
/// the kernel does to find it.
pub(in super::super) struct Listed<'a>(pub(in super::super) &'a mut Vec<PageRange>);

impl Told for Listed<'_> {
    fn run(&mut self, run: PageRange) {
        self.0.push(run);
    }

    fn runs(&mut self, part: PageRange, runs: &[PageRun]) {
        self.0.extend(runs.iter().map(|run| of_kernel(part, run)));
    }
}

/// No kernel tells of a run without pages. Of one that did, nothing could be known: all pages that it was
/// asked for would count as stored to.
#[inline]
fn of_kernel(part: PageRange, run: &PageRun) -> PageRange {
    PageRange::between(run.start, run.end).unwrap_or(part)
}

/// The same pages, ascending, each once.
pub(super) fn joined(mut runs: Vec<PageRange>) -> Vec<PageRange> {
    runs.sort_unstable_by_key(|run| run.start());
    let mut joined: Vec<PageRange> = Vec::with_capacity(runs.len());
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.start() <= last.end() => {
                let end = last.end().max(run.end());
                *last = PageRange::between(last.start().get(), end.get()).unwrap_or(*last);
            }
            Some(_) | None => joined.push(run),
        }
    }
    joined
}

/// The first `pages` pages of a run, and the others.
pub(super) fn cut(run: PageRange, pages: u64, page: u64) -> (Option<PageRange>, Option<PageRange>) {
    let (start, end) = (run.start().get(), run.end().get());
    let at = start.saturating_add(pages.saturating_mul(page)).min(end);
    (PageRange::between(start, at), PageRange::between(at, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first << 12, end << 12).expect("not empty")
    }

    #[test]
    fn runs_are_joined_and_cut() {
        let runs = [range(7, 9), range(0, 2), range(2, 3), range(8, 10), range(12, 13)];
        assert_eq!(joined(runs.to_vec()), [range(0, 3), range(7, 10), range(12, 13)]);
        let run = range(4, 8);
        assert_eq!(cut(run, 0, 0x1000), (None, Some(run)));
        assert_eq!(cut(run, 1, 0x1000), (Some(range(4, 5)), Some(range(5, 8))));
        assert_eq!(cut(run, u64::MAX, 0x1000), (Some(run), None));
    }
}
