//! Runs of pages as few words: what a process tells another of stores that it noted.
//!
//! ```text
//!   address | pages     a run of 1 to 4095 pages
//!   address, mask       of the 64 pages from there on, those whose bits are set; the first is
//! ```
//!
//! An address of a page leaves 12 bits. A pair is used where it stands for three runs or more, so no
//! list takes more words than it has pages.

use alloc::vec::Vec;

use crate::geometry::PageRange;

const PAGE: u64 = 0x1000;
/// Pages that a mask is about.
const MASK: u64 = 64;

/// Tells runs, ascending and disjoint, as words.
pub fn encode_runs(runs: &[PageRange], word: &mut impl FnMut(u64)) {
    let mut rest = runs;
    while let Some((first, others)) = rest.split_first() {
        let base = first.start().get();
        let (mut count, mut mask) = (0, 0);
        for run in rest.iter().take_while(|run| run.end().get() - base <= MASK * PAGE) {
            mask |= bits(base, *run);
            count += 1;
        }
        if count >= 3 {
            word(base);
            word(mask);
            rest = &rest[count..];
        } else {
            encode_run(*first, word);
            rest = others;
        }
    }
}

fn encode_run(run: PageRange, word: &mut impl FnMut(u64)) {
    let (mut at, end) = (run.start().get(), run.end().get());
    while at < end {
        let pages = ((end - at) / PAGE).min(PAGE - 1);
        word(at | pages);
        at += pages * PAGE;
    }
}

/// The bits of a run among the 64 pages from `base` on.
fn bits(base: u64, run: PageRange) -> u64 {
    let (first, pages) = ((run.start().get() - base) / PAGE, run.bytes() / PAGE);
    (u64::MAX >> (MASK - pages)) << first
}

/// Adds the runs behind the words to `all`, joined where they touch, and says how many pages
/// they have. `None` if they are no such words; they may come from anybody.
pub fn decode_runs(words: &[u64], all: &mut Vec<PageRange>) -> Option<u64> {
    let mut told = 0;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (base, pages) = (word & !(PAGE - 1), word & (PAGE - 1));
        if pages > 0 {
            told += pages;
            push(all, base, base.checked_add(pages * PAGE)?)?;
        } else {
            let mut mask = *words.next()?;
            base.checked_add(MASK * PAGE)?;
            told += u64::from(mask.count_ones());
            while mask != 0 {
                let first = mask.trailing_zeros();
                let count = (mask >> first).trailing_ones();
                push(all, base + u64::from(first) * PAGE, base + u64::from(first + count) * PAGE)?;
                mask &= u64::MAX.checked_shl(first + count).unwrap_or(0);
            }
        }
    }
    Some(told)
}

fn push(all: &mut Vec<PageRange>, start: u64, end: u64) -> Option<()> {
    let run = PageRange::between(start, end)?;
    match all.last_mut() {
        Some(last) if last.end() == run.start() => *last = PageRange::between(last.start().get(), end)?,
        Some(last) if last.end() > run.start() => return None,
        Some(_) | None => all.push(run),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(runs: &[PageRange]) -> Vec<u64> {
        let mut words = Vec::new();
        encode_runs(runs, &mut |word| words.push(word));
        words
    }

    #[test]
    fn runs_survive_and_take_no_more_words_than_pages() {
        let mut seed = 0x5eed_0007_u64;
        for round in 0..500 {
            let (mut runs, mut at, mut pages) = (Vec::new(), 7_u64, 0);
            for _ in 0..round % 90 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let start = at + 1 + seed % [2, 9, 100][round % 3];
                let count = 1 + (seed >> 20) % [1, 3, 70, 9000][round % 4];
                runs.extend(PageRange::between(start * PAGE, (start + count) * PAGE));
                (at, pages) = (start + count, pages + count);
            }
            let words = words(&runs);
            assert!(words.len() as u64 <= pages);
            let mut back = Vec::new();
            assert_eq!((decode_runs(&words, &mut back), &back), (Some(pages), &runs), "round {round}");
        }
    }

    #[test]
    fn scattered_pages_take_a_bit_each() {
        let runs: Vec<_> =
            (0..1024).filter_map(|page| PageRange::between(page << 13, (page << 13) + PAGE)).collect();
        assert_eq!(words(&runs).len(), 64);
    }

    #[test]
    fn nonsense_is_refused() {
        let back = &mut Vec::new();
        assert_eq!(decode_runs(&[0x5000], back), None, "a mask is missing");
        assert_eq!(decode_runs(&[!(PAGE - 1), 1], back), None, "beyond the end");
        assert_eq!(decode_runs(&[0x9001, 0x5001], back), None, "not ascending");
    }
}
