//! Addresses and page ranges, and the only arithmetic on them.
//!
//! Addresses from callers are unchecked numbers. They become a [`PageRange`] in
//! one place, [`Geometry`], which refuses what wraps around or leaves the user
//! range; after that no operation can overflow.

use core::fmt;

/// A virtual address of the described address space (not a pointer of ours).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Va(u64);

impl Va {
    /// The address with this number.
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// The number of this address.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next lower address that is a multiple of `unit`, a power of two.
    pub const fn align_down(self, unit: u64) -> Self {
        Self(self.0 & !(unit - 1))
    }

    /// Whether the address is a multiple of `unit`, a power of two.
    pub const fn is_aligned(self, unit: u64) -> bool {
        self.0 & (unit - 1) == 0
    }

    /// The address `bytes` higher, or `None` past the end of the number range.
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

impl fmt::Debug for Va {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Va {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A non-empty range of whole pages, `start` inclusive to `end` exclusive.
///
/// Invariant: `start < end`, both multiples of the page size of the
/// [`Geometry`] that made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    start: u64,
    end: u64,
}

impl PageRange {
    /// The range between two page boundaries, or `None` when it would be empty.
    ///
    /// The caller vouches that both are multiples of its page size.
    pub const fn between(start: u64, end: u64) -> Option<Self> {
        if start < end { Some(Self { start, end }) } else { None }
    }

    /// The first address.
    pub const fn start(self) -> Va {
        Va(self.start)
    }

    /// The first address behind the range.
    pub const fn end(self) -> Va {
        Va(self.end)
    }

    /// The length in bytes; never 0.
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }

    /// Whether `at` lies in the range.
    pub const fn contains(self, at: Va) -> bool {
        self.start <= at.0 && at.0 < self.end
    }

    /// Whether all of `other` lies in the range.
    pub const fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two share a byte.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The part that both have, if any.
    #[inline]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::between(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

impl fmt::Display for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

/// Why an address and a size do not make a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRange {
    /// The size is 0.
    Empty,
    /// The address is above the highest user address, or below the lowest.
    Address,
    /// Address plus size leaves the user range or wraps around.
    Size,
}

/// The shape of an address space. All figures are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Unit of commit and protection; a power of two.
    pub page: u64,
    /// Unit of placement; a power of two, at least a page.
    pub granule: u64,
    /// The lowest address that an allocation may have.
    pub lowest: u64,
    /// The highest user address, inclusive; one below a page boundary.
    pub highest: u64,
    /// Where the search for a free range begins when nobody asked for a place.
    pub search_from: u64,
}

impl Geometry {
    /// The 47-bit user range of x86-64 Linux: 4 KiB pages, 64 KiB granules.
    ///
    /// The search begins at 32 TiB: above what address sanitizers shadow, below
    /// where Linux puts programs, heaps, libraries and stacks, so nothing of
    /// the host program finds its way to grow blocked.
    pub const X86_64: Self = Self {
        page: 0x1000,
        granule: 0x1_0000,
        lowest: 0x1_0000,
        highest: 0x7fff_ffff_efff,
        search_from: 0x2000_0000_0000,
    };

    /// The page boundary at or below `at`.
    pub const fn page_down(&self, at: u64) -> u64 {
        at & !(self.page - 1)
    }

    /// Which page holds `at`, counted from address 0. A shift: to divide by a number that only we
    /// know to be a power of two takes many times longer, and every change of pages asks.
    #[inline]
    pub(crate) const fn page_number(&self, at: u64) -> u64 {
        at >> self.page.trailing_zeros()
    }

    /// The first page boundary at or above `at`; `at` must be in the user range.
    const fn page_up(&self, at: u64) -> u64 {
        (at + (self.page - 1)) & !(self.page - 1)
    }

    /// The first address behind the user range.
    pub const fn user_end(&self) -> u64 {
        self.highest + 1
    }

    /// Bytes to whole pages, or `None` when they exceed the user range.
    pub const fn round_size(&self, bytes: u64) -> Option<u64> {
        if bytes > self.highest { None } else { Some(self.page_up(bytes)) }
    }

    /// Every page touched by `size` bytes from `at`.
    ///
    /// # Errors
    /// The order of the checks is that of the Win32 calls: an address above the
    /// user range, then size 0, then a sum that leaves the range.
    #[inline]
    pub fn touched(&self, at: u64, size: u64) -> Result<PageRange, BadRange> {
        if at > self.highest {
            return Err(BadRange::Address);
        }
        if size == 0 {
            return Err(BadRange::Empty);
        }
        match at.checked_add(size - 1) {
            Some(last) if last <= self.highest => {
                Ok(PageRange { start: self.page_down(at), end: self.page_down(last) + self.page })
            }
            Some(_) | None => Err(BadRange::Size),
        }
    }

    /// The pages of a reservation of `size` bytes at `at`: the start goes down to
    /// a granule, the end up to a page.
    ///
    /// # Errors
    /// As [`Self::touched`]; an address below the lowest one is `Address`.
    pub fn placed(&self, at: u64, size: u64) -> Result<PageRange, BadRange> {
        let touched = self.touched(at, size)?;
        let start = touched.start().align_down(self.granule).get();
        if start < self.lowest {
            return Err(BadRange::Address);
        }
        Ok(PageRange { start, end: touched.end })
    }

    /// The page that holds `at`.
    ///
    /// # Errors
    /// `Address` above the user range.
    pub fn page_at(&self, at: u64) -> Result<PageRange, BadRange> {
        self.touched(at, 1)
    }
}
