//! Meeting a guard: the one-shot alarm goes off.

use crate::access::Protection;
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::space::{AddressSpace, Done};

/// What an access met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// An armed guard, which is gone now; what the page permits from here on.
    Guard(Protection),
    /// None: nothing of ours, or a page without an armed guard.
    Nothing,
}

impl AddressSpace {
    /// Disarms the guard of the page at `at`, if there is one (facts GP02 to GP05).
    ///
    /// # Errors
    /// Nothing has changed: the machine refused.
    pub fn meet<M: Machine>(&self, machine: &mut M, at: u64) -> Result<Done<Meeting>, Error> {
        let _ = machine;
        Err(Error::new(Verb::Read, Kind::Unsupported, at, 1))
    }
}
