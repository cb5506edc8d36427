//! What a handle of a section stands for.

use pagewright_core::{ObjectId, Protection};

use crate::own;

/// A section of this process. Its name in the address space goes with it; views stay.
#[derive(Debug)]
pub(in crate::win32) struct Section {
    pub(super) object: ObjectId,
    /// As it is reported: whole pages of memory, or the exact bytes of a file.
    pub(super) size: u64,
    /// The most that a view may be given.
    pub(super) protection: Protection,
    /// `SEC_…`, as they are reported.
    pub(super) attributes: u32,
    pub(super) body: Body,
}

/// What a section is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::win32) enum Body {
    /// Memory, all of it.
    Committed,
    /// Memory where it was committed.
    OnDemand,
    /// A file.
    File,
}

impl Drop for Section {
    fn drop(&mut self) {
        // Refused only inside of another call on this thread, or in a child that lost it.
        let _ = own::close_section(self.object);
    }
}
