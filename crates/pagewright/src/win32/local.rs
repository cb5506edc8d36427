//! Memory of the caller that may not be there: a bad pointer is an error code, not
//! a fault.

use std::ffi::c_void;

use pagewright_core::Geometry;

use crate::own;

/// A buffer of this process that a caller named by address. Never followed: the
/// kernel copies, and stops at the first byte that cannot be accessed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    address: usize,
    size: usize,
}

impl Buffer {
    /// # Safety
    /// Where the range is writable, it is the caller's to be overwritten.
    pub(crate) unsafe fn new(pointer: *mut c_void, size: usize) -> Self {
        Self { address: pointer.expose_provenance(), size }
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Where it begins.
    pub(crate) const fn address(&self) -> usize {
        self.address
    }

    /// Copies `from` to `offset` in the buffer. Answers how many bytes.
    pub(crate) fn store(&self, offset: usize, from: &[u8]) -> usize {
        if from.is_empty() {
            return 0;
        }
        // `new` was promised that the buffer may be overwritten, and the offsets lie in it;
        // what is not there is an error of the call, and guards that are met are met.
        own::write(self.address.wrapping_add(offset) as u64, from).unwrap_or(0)
    }
}

/// Copies out of a buffer of this process. Answers how many bytes.
pub(crate) fn load(address: usize, into: &mut [u8]) -> usize {
    if into.is_empty() {
        return 0;
    }
    own::read(address as u64, into).unwrap_or(0)
}

/// Whether a buffer lies in the user range (RW35).
pub(crate) const fn in_user_range(address: usize, size: usize) -> bool {
    match (address as u64).checked_add(size as u64) {
        Some(end) => end <= Geometry::X86_64.user_end(),
        None => false,
    }
}
