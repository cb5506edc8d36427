//! An access that the guest may not make.

use core::fmt;

use pagewright_core::Access;

/// Why an access of the guest did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first byte that could not be accessed. With an access that crosses into
    /// another page this can be the start of that page.
    pub at: u64,
    /// What was tried.
    pub kind: FaultKind,
    /// What stood in the way.
    pub reason: Reason,
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Reads data.
    Load,
    /// Writes data.
    Store,
    /// Reads instructions.
    Fetch,
}

/// What stands in the way of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is mapped there.
    Unmapped,
    /// The page is promised, but has no memory.
    Reserved,
    /// The page's access does not include this kind.
    Access,
    /// A guard is armed there. It goes off once: whoever keeps the truth disarms it
    /// ([`pagewright_core::Managed::meet`]), and the access can be made again.
    Guard,
    /// The page may be stored to, but there is no frame for it: the limit of
    /// frames is reached, or the host has no memory.
    OutOfMemory,
}

impl FaultKind {
    /// The right that a page must give.
    pub(crate) const fn needs(self) -> Access {
        match self {
            Self::Load => Access::READ,
            Self::Store => Access::WRITE,
            Self::Fetch => Access::EXECUTE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Store => "store",
            Self::Fetch => "fetch",
        }
    }
}

impl Reason {
    const fn text(self) -> &'static str {
        match self {
            Self::Unmapped => "nothing is mapped there",
            Self::Reserved => "the page is reserved and has no memory",
            Self::Access => "the page does not allow it",
            Self::Guard => "a guard is armed there",
            Self::OutOfMemory => "there is no frame left for the page",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}: {}", self.kind.name(), self.at, self.reason.text())
    }
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_fault_reads_as_one_sentence() {
        let fault = Fault { at: 0x1000, kind: FaultKind::Store, reason: Reason::Access };
        assert_eq!(fault.to_string(), "store at 0x1000: the page does not allow it");
    }
}
