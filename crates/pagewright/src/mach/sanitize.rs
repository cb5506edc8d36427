//! What addresses and sizes are refused, call by call, before anything is looked at
//! (mach.md, section 1).

use super::code::{KernReturn, Result};

/// Bytes of a page.
pub(super) const PAGE: u64 = 0x1000;

/// How a call answers a range that cannot be one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// A size of 0.
    zero: Zero,
    /// Address plus size does not fit into 64 bits.
    overflow: KernReturn,
    /// It fits, and rounded up to a page it does not.
    wrap: KernReturn,
    /// The same, from an address in the first page.
    wrap_low: KernReturn,
}

/// What a size of 0 is.
#[derive(Clone, Copy, Debug)]
enum Zero {
    /// A call with nothing to do.
    Done,
    /// A mistake.
    Refused,
}

/// A range that can be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u64,
    /// Not 0.
    pub(super) size: u64,
}

const ADDRESS: KernReturn = KernReturn::INVALID_ADDRESS;
const ARGUMENT: KernReturn = KernReturn::INVALID_ARGUMENT;

/// `vm_deallocate`, `vm_inherit`, `vm_wire`.
pub(super) const ARGUMENTS: Rule =
    Rule { zero: Zero::Done, overflow: ARGUMENT, wrap: ARGUMENT, wrap_low: ARGUMENT };
/// `vm_protect`.
pub(super) const PROTECT: Rule = Rule { wrap_low: ADDRESS, ..ARGUMENTS };
/// `vm_behavior_set`. The lowest address of a task is not 0, so the first page is no exception.
pub(super) const BEHAVIOR: Rule =
    Rule { wrap: KernReturn::NO_SPACE, wrap_low: KernReturn::NO_SPACE, ..ARGUMENTS };
/// `vm_msync`, and both ends of `vm_copy`, `vm_read`, `vm_read_overwrite`, `vm_write`.
pub(super) const ADDRESSES: Rule =
    Rule { zero: Zero::Done, overflow: ADDRESS, wrap: ADDRESS, wrap_low: ADDRESS };
/// `vm_machine_attribute`.
pub(super) const ATTRIBUTE: Rule = Rule { wrap: ADDRESS, wrap_low: ADDRESS, ..ARGUMENTS };
/// `vm_map`, `vm_remap` and memory entries.
pub(super) const MAPPING: Rule = Rule { zero: Zero::Refused, ..ARGUMENTS };

impl Rule {
    /// The range, or `None` when there is nothing to do.
    ///
    /// # Errors
    /// As the table says.
    pub(super) const fn check(&self, at: u64, size: u64) -> Result<Option<Span>> {
        if size == 0 {
            return match self.zero {
                Zero::Done => Ok(None),
                Zero::Refused => Err(ARGUMENT),
            };
        }
        let Some(end) = at.checked_add(size) else { return Err(self.overflow) };
        if end > PAGE.wrapping_neg() {
            return Err(if trunc(at) == 0 { self.wrap_low } else { self.wrap });
        }
        Ok(Some(Span { at, size }))
    }

    /// The range of a call that a size of 0 is not done for.
    ///
    /// # Errors
    /// As the table says; `KERN_INVALID_ARGUMENT` for a size of 0.
    pub(super) const fn require(&self, at: u64, size: u64) -> Result<Span> {
        match self.check(at, size) {
            Ok(Some(span)) => Ok(span),
            Ok(None) => Err(ARGUMENT),
            Err(code) => Err(code),
        }
    }
}

impl Span {
    /// The first address behind the range.
    pub(super) const fn end(self) -> u64 {
        self.at + self.size
    }

    /// The pages that are touched.
    pub(super) const fn pages(self) -> Self {
        let start = trunc(self.at);
        Self { at: start, size: round(self.end()) - start }
    }

    /// Whether it is whole pages.
    pub(super) const fn is_aligned(self) -> bool {
        (self.at | self.size) & (PAGE - 1) == 0
    }
}

/// Where `vm_allocate` at a given address begins, and how many bytes it takes. The start is
/// rounded down before the size is added (A5).
///
/// # Errors
/// As the table says.
pub(super) fn allocation(at: u64, size: u64) -> Result<Span> {
    let Some(rounded) = rounded(size) else { return Err(ARGUMENT) };
    match at.checked_add(size) {
        Some(end) if end <= PAGE.wrapping_neg() => Ok(Span { at: trunc(at), size: rounded }),
        Some(_) | None => Err(ADDRESS),
    }
}

/// A size in whole pages; `None` when that does not fit into 64 bits.
pub(super) const fn rounded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(PAGE)
}

/// The page boundary at or below.
pub(super) const fn trunc(at: u64) -> u64 {
    at & !(PAGE - 1)
}

/// The page boundary at or above; the caller has made sure that there is one.
const fn round(at: u64) -> u64 {
    trunc(at.wrapping_add(PAGE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: u64 = u64::MAX - 0xfff;

    /// Zero, overflow, wrap, wrap from the first page.
    fn row(rule: Rule) -> [Option<i32>; 4] {
        [(0x5000, 0), (LAST, 0x2000), (LAST - 0x1000, 0x1001), (1, LAST)]
            .map(|(at, size)| rule.check(at, size).err().map(|code| code.0))
    }

    #[test]
    fn every_row_of_the_table() {
        assert_eq!(row(ARGUMENTS), [None, Some(4), Some(4), Some(4)], "deallocate, inherit, wire");
        assert_eq!(row(PROTECT), [None, Some(4), Some(4), Some(1)], "protect");
        assert_eq!(row(BEHAVIOR), [None, Some(4), Some(3), Some(3)], "behavior_set");
        assert_eq!(row(ADDRESSES), [None, Some(1), Some(1), Some(1)], "msync, copy, read, write");
        assert_eq!(row(ATTRIBUTE), [None, Some(4), Some(1), Some(1)], "machine_attribute");
        assert_eq!(row(MAPPING), [Some(4), Some(4), Some(4), Some(4)], "map, remap, entries");
    }

    #[test]
    fn what_ends_at_the_last_page_is_a_range() {
        let span = Span { at: LAST - 0x1fff, size: 0x1fff };
        assert_eq!(ADDRESSES.check(span.at, span.size), Ok(Some(span)));
        assert_eq!(span.pages(), Span { at: LAST - 0x2000, size: 0x2000 });
    }

    #[test]
    fn an_allocation_begins_at_the_page_below() {
        assert_eq!(allocation(0x1001, 0x1000), Ok(Span { at: 0x1000, size: 0x1000 }));
        assert_eq!(allocation(LAST, 0x1000), Err(ADDRESS));
        assert_eq!(allocation(0x1000, u64::MAX), Err(ARGUMENT));
        assert_eq!(allocation(u64::MAX, u64::MAX), Err(ARGUMENT));
        assert_eq!(allocation(0x2000, LAST), Err(ADDRESS));
    }
}
