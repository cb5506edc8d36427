//! The kernel's limit of mappings per process, respected before it is met.
//!
//! Counting mappings means reading a list of them all, so it is done rarely: each
//! call books the splits that it may cause, and only when half of what was last
//! seen to be left is booked are they counted again.

use pagewright_core::Refusal;

use super::maps::each_mapping;
use crate::sys::{self, OpenMode};

/// What is left to the program for its own needs.
const MARGIN: u64 = 512;

/// What may be booked before the first count.
const FIRST: u64 = 256;

/// What a kernel permits when it does not say.
const DEFAULT_LIMIT: u64 = 65_530;

/// How many mappings may still be made.
#[derive(Clone, Debug)]
pub struct Budget {
    booked: u64,
    allowance: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl Budget {
    /// Nothing booked, nothing counted.
    pub const fn new() -> Self {
        Self { booked: 0, allowance: FIRST }
    }

    /// Books `splits`, or refuses.
    pub(super) fn need(&mut self, splits: u64) -> Result<(), Refusal> {
        if self.booked + splits <= self.allowance {
            self.booked += splits;
            return Ok(());
        }
        let left = mapping_limit().saturating_sub(count_mappings() + MARGIN);
        if left < splits {
            return Err(Refusal::MapBudget);
        }
        self.booked = splits;
        self.allowance = (left / 2).max(splits);
        Ok(())
    }

    /// Books the splits of a call that gives back: it may use what is left to the
    /// program, because most often there are fewer mappings afterwards.
    pub(super) const fn note(&mut self, splits: u64) {
        self.booked = self.booked.saturating_add(splits);
    }

    /// Whether the kernel's refusal can be explained by the limit.
    pub(super) fn is_exhausted(&self) -> bool {
        count_mappings() + MARGIN >= mapping_limit()
    }
}

/// The mappings of this process now; 0 when `/proc` does not say.
pub fn count_mappings() -> u64 {
    let mut count = 0;
    match each_mapping(&mut |_, _| count += 1) {
        Ok(()) => count,
        Err(_) => 0,
    }
}

/// The mappings that a process may have.
pub fn mapping_limit() -> u64 {
    let mut digits = [0; 20];
    let file = sys::open(c"/proc/sys/vm/max_map_count", OpenMode::Read);
    let Ok(length) = file.and_then(|file| sys::read(file.raw(), &mut digits)) else {
        return DEFAULT_LIMIT;
    };
    let digits = digits[..length].iter().take_while(|byte| byte.is_ascii_digit());
    let limit = digits.fold(0_u64, |sum, byte| sum.saturating_mul(10) + u64::from(byte - b'0'));
    if limit == 0 { DEFAULT_LIMIT } else { limit }
}
