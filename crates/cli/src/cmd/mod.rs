//! One function per command: arguments in, an answer in both forms out.

pub(crate) mod bytes;
pub(crate) mod doctor;
pub(crate) mod look;
pub(crate) mod memory;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod shell;
pub(crate) mod watch;

use pagewright::win32::{Failure, NtStatus};
use pagewright::{Kind, Process};

use crate::fail::Fail;

/// What the command line calls the arguments of a call, so that a refusal can name the one to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) process: &'static str,
    pub(crate) address: &'static str,
    pub(crate) size: &'static str,
}

impl Names {
    /// Of the commands that take `PID ADDR --size`.
    pub(crate) const USUAL: Self = Self { process: "PID", address: "ADDR", size: "--size" };

    /// The process; nothing happens to it.
    pub(crate) fn open(self, pid: u32) -> Result<Process, Fail> {
        Process::open(pid).map_err(|error| self.blame(error.into()))
    }

    /// A refusal of the library with the argument to change.
    pub(crate) fn blame(self, failure: Failure) -> Fail {
        let argument = match &failure.error {
            Some(error) => self.culprit(error.kind()),
            // Refused before the process was asked: the words and flags of the call itself.
            None if failure.status == NtStatus::INVALID_PAGE_PROTECTION => Some("--protect"),
            None if failure.status == NtStatus::INVALID_PARAMETER_5 => {
                Some("--large, --reserve, --commit, --write-watch")
            }
            None => Some(self.address),
        };
        let fail = Fail::from(failure);
        match argument {
            Some(argument) => fail.about(argument),
            None => fail,
        }
    }

    /// The argument behind a refusal, where it is one.
    const fn culprit(self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::BadAddress
            | Kind::Conflict
            | Kind::NotReserved
            | Kind::NotAllocated
            | Kind::NotAtBase
            | Kind::NotCommitted
            | Kind::ForeignView
            | Kind::AlreadyCommitted
            | Kind::NotLocked
            | Kind::NoAccess
            | Kind::GuardHit
            | Kind::Misaligned
            | Kind::TargetCommitted
            | Kind::NotWatched
            | Kind::ContentLost
            | Kind::BadFrame
            | Kind::Fixed
            | Kind::NotPlaceholder
            | Kind::Special => Some(self.address),
            Kind::ZeroSize
            | Kind::BadSize
            | Kind::BeyondAllocation
            | Kind::SpansAllocations
            | Kind::NoSpace
            | Kind::CommitLimit
            | Kind::OutOfMemory
            | Kind::LockQuota
            | Kind::PartialCopy => Some(self.size),
            Kind::BadProtection | Kind::AboveCeiling => Some("--protect"),
            Kind::NoConsent => Some("--foreign"),
            Kind::AccessDenied
            | Kind::NoProcess
            | Kind::Gone
            | Kind::Unsupported
            | Kind::Busy
            | Kind::NoObject => Some(self.process),
            Kind::NoNode => Some("--node"),
            Kind::Privilege | Kind::NoLargePages => Some("--large"),
            Kind::BadPlace
            | Kind::BadFlags
            | Kind::MapBudget
            | Kind::BadHandle
            | Kind::Protocol
            | Kind::Machine(_) => None,
        }
    }
}

/// The process; nothing happens to it.
pub(crate) fn open(pid: u32) -> Result<Process, Fail> {
    Names::USUAL.open(pid)
}

/// The same, where a refusal comes from the idiomatic face of the library.
pub(crate) fn usual(error: pagewright::Error) -> Fail {
    Names::USUAL.blame(error.into())
}
