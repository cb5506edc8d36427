//! Write watch: which pages were stored to.

use alloc::vec::Vec;

use crate::contract::{After, Machine};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::space::{AddressSpace, Done};

/// A question which pages were stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// How many pages to report at most; the lowest are.
    pub limit: u64,
    /// Whether those that are reported are forgotten.
    pub after: After,
}

/// What is to be known of stores that the machine did not see, or is to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// What.
    pub stores: Stores,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// All pages count as stored to: a device wrote them.
    Note,
    /// None does.
    Forget,
}

impl AddressSpace {
    /// The runs of pages that were stored to since they were committed, or since that was
    /// forgotten, in ascending order (facts WW04 to WW19).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`],
    /// and [`Kind::NotWatched`] unless all of the range lies in one watched allocation.
    pub fn written<M: Machine>(
        &self,
        machine: &mut M,
        request: &Written,
    ) -> Result<Done<Vec<PageRange>>, Error> {
        let _ = machine;
        Err(Error::new(Verb::Watch, Kind::NotWatched, request.at, request.size))
    }

    /// Notes stores that the machine cannot see, or forgets all.
    ///
    /// # Errors
    /// As for [`Self::written`].
    pub fn mark<M: Machine>(&self, machine: &mut M, request: &Mark) -> Result<Done<()>, Error> {
        let _ = machine;
        Err(Error::new(Verb::Watch, Kind::NotWatched, request.at, request.size))
    }
}
