//! The checks of address and size that come before the handle is looked at.

use pagewright_core::{Kind, Verb};

use super::failure::Failure;

/// The size of a page.
pub(super) const PAGE: u64 = 0x1000;

/// An address above the user range, then a size of 0, then a sum that leaves it
/// (the order of the calls: see the introduction of the VA rows).
pub(super) fn check(verb: Verb, at: u64, size: u64, highest: u64) -> Result<(), Failure> {
    let refuse = |kind| Err(Failure::core(verb, kind, at, size));
    if at > highest {
        return refuse(Kind::BadAddress);
    }
    if size == 0 {
        return refuse(Kind::ZeroSize);
    }
    // `highest` is inclusive: what remains above `at`, less one, still fits in.
    if size - 1 > highest - at { refuse(Kind::BadSize) } else { Ok(()) }
}

/// Base and bytes of the pages that a range touches, which [`check`] let pass.
pub(super) const fn rounded(at: u64, size: u64) -> (u64, u64) {
    let start = at & !(PAGE - 1);
    (start, (at + size).next_multiple_of(PAGE) - start)
}
