//! Lists of runs of pages.

use alloc::vec::Vec;

use pagewright_core::PageRange;

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
