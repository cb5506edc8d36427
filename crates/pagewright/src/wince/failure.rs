//! Why a Windows CE call was refused, and the number for it (reference section 8).

use std::fmt;

use pagewright_core::{Error as CoreError, Kind, Verb};

use super::policy::{self, Diagnostics};
use crate::error::Error;
use crate::win32::{
    ERROR_ACCESS_DENIED, ERROR_BUSY, ERROR_GEN_FAILURE, ERROR_INTERNAL_ERROR, ERROR_INVALID_ADDRESS,
    ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED,
    ERROR_PARTIAL_COPY, WIN32_ERROR,
};

/// A refusal: the code, and the reason in words. A refused call has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: WIN32_ERROR,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// An argument is wrong: which, its value, and what to do about it.
    Argument { what: &'static str, value: u64, fix: &'static str },
    /// The address space refused.
    Space(Error),
    /// The caller may not do that: why not.
    Caller(&'static str),
}

impl Failure {
    /// A refusal because of one argument; nothing was asked of an address space.
    pub(super) const fn argument(what: &'static str, value: u64, fix: &'static str) -> Self {
        Self { code: ERROR_INVALID_PARAMETER, reason: Reason::Argument { what, value, fix } }
    }

    /// The handle is not one of a live process.
    pub(super) const fn handle(value: u64, fix: &'static str) -> Self {
        Self { code: ERROR_INVALID_HANDLE, reason: Reason::Argument { what: "process", value, fix } }
    }

    /// The caller may not do that.
    pub(super) const fn denied(why: &'static str) -> Self {
        Self { code: ERROR_ACCESS_DENIED, reason: Reason::Caller(why) }
    }

    /// There is no way to do that on Linux.
    pub(super) const fn unsupported(why: &'static str) -> Self {
        Self { code: ERROR_NOT_SUPPORTED, reason: Reason::Caller(why) }
    }

    /// No descriptor or no memory is left.
    pub(super) const fn exhausted(why: &'static str) -> Self {
        Self { code: ERROR_NOT_ENOUGH_MEMORY, reason: Reason::Caller(why) }
    }

    /// A mistake of ours.
    #[cold]
    pub(super) fn broken() -> Self {
        Self {
            code: ERROR_INTERNAL_ERROR,
            reason: Reason::Caller("it met a mistake of this library; report it"),
        }
    }

    /// A refusal in the words of the core.
    pub(super) fn core(verb: Verb, kind: Kind, at: u64, size: u64) -> Self {
        Error::of(CoreError::new(verb, kind, at, size), 0).into()
    }

    /// What `GetLastError` answers.
    pub const fn code(&self) -> WIN32_ERROR {
        self.code
    }

    /// The name of [`Self::code`], such as `ERROR_INVALID_PARAMETER`.
    pub const fn name(&self) -> &'static str {
        match self.code {
            ERROR_ACCESS_DENIED => "ERROR_ACCESS_DENIED",
            ERROR_INVALID_HANDLE => "ERROR_INVALID_HANDLE",
            ERROR_NOT_ENOUGH_MEMORY => "ERROR_NOT_ENOUGH_MEMORY",
            ERROR_GEN_FAILURE => "ERROR_GEN_FAILURE",
            ERROR_NOT_SUPPORTED => "ERROR_NOT_SUPPORTED",
            ERROR_INVALID_PARAMETER => "ERROR_INVALID_PARAMETER",
            ERROR_BUSY => "ERROR_BUSY",
            ERROR_PARTIAL_COPY => "ERROR_PARTIAL_COPY",
            ERROR_INVALID_ADDRESS => "ERROR_INVALID_ADDRESS",
            _ => "ERROR_INTERNAL_ERROR",
        }
    }

    /// The refusal of the address space, if it came that far.
    pub const fn error(&self) -> Option<&Error> {
        match &self.reason {
            Reason::Space(error) => Some(error),
            Reason::Argument { .. } | Reason::Caller(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { code: code_of(error.verb(), error.kind()), reason: Reason::Space(error) }
    }
}

/// The number for a refusal of the core. The only place where one becomes the other.
///
/// Windows CE documents one code (87, for a source that is not mapped); the table is
/// section 8 of the facts. What it does not know has the code that Win32 gives.
fn code_of(verb: Verb, kind: Kind) -> WIN32_ERROR {
    match kind {
        Kind::NotCommitted if verb == Verb::Alias => unmapped_source(),
        Kind::ZeroSize
        | Kind::BadAddress
        | Kind::BadSize
        | Kind::BadProtection
        | Kind::BadPlace
        | Kind::BadFlags
        | Kind::Conflict
        | Kind::NotReserved
        | Kind::NotAllocated
        | Kind::NotAtBase
        | Kind::BeyondAllocation
        | Kind::NotCommitted
        | Kind::SpansAllocations
        | Kind::ForeignView
        | Kind::AlreadyCommitted
        | Kind::NotLocked
        | Kind::Misaligned
        | Kind::NoNode
        | Kind::NotWatched
        | Kind::BadFrame
        | Kind::Fixed
        | Kind::NotPlaceholder
        | Kind::TargetCommitted => ERROR_INVALID_PARAMETER,
        Kind::NoProcess | Kind::Gone | Kind::BadHandle => ERROR_INVALID_HANDLE,
        Kind::AccessDenied
        | Kind::Privilege
        | Kind::NoAccess
        | Kind::GuardHit
        | Kind::AboveCeiling
        | Kind::NoConsent => ERROR_ACCESS_DENIED,
        Kind::NoSpace
        | Kind::CommitLimit
        | Kind::MapBudget
        | Kind::OutOfMemory
        | Kind::LockQuota
        | Kind::NoLargePages
        | Kind::NoObject => ERROR_NOT_ENOUGH_MEMORY,
        Kind::Unsupported | Kind::Special => ERROR_NOT_SUPPORTED,
        Kind::PartialCopy => ERROR_PARTIAL_COPY,
        Kind::Busy | Kind::ContentLost => ERROR_BUSY,
        Kind::Protocol => ERROR_INTERNAL_ERROR,
        Kind::Machine(_) => ERROR_GEN_FAILURE,
    }
}

/// The source of an alias has no memory.
fn unmapped_source() -> WIN32_ERROR {
    match policy::diagnostics() {
        Diagnostics::Documented => ERROR_INVALID_PARAMETER,
        Diagnostics::Strict => ERROR_INVALID_ADDRESS,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Argument { what, value, fix } => write!(f, "the {what} is {value:#x}: {fix}"),
            Reason::Space(error) => error.fmt(f),
            Reason::Caller(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}
