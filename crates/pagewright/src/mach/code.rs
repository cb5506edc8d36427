//! What calls answer.

use std::ffi::CStr;
use std::fmt;

use pagewright_core::Kind;

use super::types::kern_return_t;
use crate::error::Error;

/// Why a call was refused: one of the codes below.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KernReturn(pub kern_return_t);

/// What the functions below the calls give back.
pub type Result<T> = std::result::Result<T, KernReturn>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $short:ident, $words:literal;)*) => {
        $($(#[$doc])* pub const $name: kern_return_t = $value;)*

        impl KernReturn {
            $($(#[$doc])* pub const $short: Self = Self($value);)*

            /// The name of the code, such as `KERN_INVALID_ADDRESS`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($value => stringify!($name),)*
                    _ => "unknown error code",
                }
            }

            /// What `mach_error_string` says of it.
            pub const fn words(self) -> &'static CStr {
                match self.0 {
                    $($value => $words,)*
                    _ => c"unknown error code",
                }
            }
        }
    };
}

codes! {
    /// It is done.
    KERN_SUCCESS = 0, SUCCESS, c"(os/kern) successful";
    /// Nothing is allocated there, or nothing can be.
    KERN_INVALID_ADDRESS = 1, INVALID_ADDRESS, c"(os/kern) invalid address";
    /// The memory may not be used that way.
    KERN_PROTECTION_FAILURE = 2, PROTECTION_FAILURE, c"(os/kern) protection failure";
    /// No room, or the room is taken.
    KERN_NO_SPACE = 3, NO_SPACE, c"(os/kern) no space available";
    /// An argument makes no sense.
    KERN_INVALID_ARGUMENT = 4, INVALID_ARGUMENT, c"(os/kern) invalid argument";
    /// Something went wrong.
    KERN_FAILURE = 5, FAILURE, c"(os/kern) failure";
    /// The kernel has no more of something.
    KERN_RESOURCE_SHORTAGE = 6, RESOURCE_SHORTAGE, c"(os/kern) resource shortage";
    /// Not the receiver.
    KERN_NOT_RECEIVER = 7, NOT_RECEIVER, c"(os/kern) not receiver";
    /// It may not be done.
    KERN_NO_ACCESS = 8, NO_ACCESS, c"(os/kern) no access";
    /// Memory of an object was lost.
    KERN_MEMORY_FAILURE = 9, MEMORY_FAILURE, c"(os/kern) memory failure";
    /// Memory could not be had while it was used.
    KERN_MEMORY_ERROR = 10, MEMORY_ERROR, c"(os/kern) memory error";
    /// Already a member.
    KERN_ALREADY_IN_SET = 11, ALREADY_IN_SET, c"(os/kern) already in set";
    /// Not a member.
    KERN_NOT_IN_SET = 12, NOT_IN_SET, c"(os/kern) not in set";
    /// The name is taken.
    KERN_NAME_EXISTS = 13, NAME_EXISTS, c"(os/kern) name exists";
    /// Somebody interrupted it.
    KERN_ABORTED = 14, ABORTED, c"(os/kern) aborted";
    /// Not the name of anything.
    KERN_INVALID_NAME = 15, INVALID_NAME, c"(os/kern) invalid name";
    /// Not a task.
    KERN_INVALID_TASK = 16, INVALID_TASK, c"(os/kern) invalid task";
    /// The name stands for something else.
    KERN_INVALID_RIGHT = 17, INVALID_RIGHT, c"(os/kern) invalid right";
    /// A value that is out of range.
    KERN_INVALID_VALUE = 18, INVALID_VALUE, c"(os/kern) invalid value";
    /// Too many references.
    KERN_UREFS_OVERFLOW = 19, UREFS_OVERFLOW, c"(os/kern) urefs overflow";
    /// The name does not permit it.
    KERN_INVALID_CAPABILITY = 20, INVALID_CAPABILITY, c"(os/kern) invalid capability";
    /// Already there under another name.
    KERN_RIGHT_EXISTS = 21, RIGHT_EXISTS, c"(os/kern) right exists";
    /// Not this machine.
    KERN_INVALID_HOST = 22, INVALID_HOST, c"(os/kern) invalid host";
    /// There is memory already.
    KERN_MEMORY_PRESENT = 23, MEMORY_PRESENT, c"(os/kern) memory present";
    /// The memory went elsewhere.
    KERN_MEMORY_DATA_MOVED = 24, MEMORY_DATA_MOVED, c"(os/kern) memory data moved";
    /// The copy must begin again.
    KERN_MEMORY_RESTART_COPY = 25, MEMORY_RESTART_COPY, c"(os/kern) memory restart copy";
    /// Not a processor set.
    KERN_INVALID_PROCESSOR_SET = 26, INVALID_PROCESSOR_SET, c"(os/kern) invalid processor set";
    /// Beyond what the policy permits.
    KERN_POLICY_LIMIT = 27, POLICY_LIMIT, c"(os/kern) policy limit";
    /// Not a policy.
    KERN_INVALID_POLICY = 28, INVALID_POLICY, c"(os/kern) invalid policy";
    /// Not a memory object.
    KERN_INVALID_OBJECT = 29, INVALID_OBJECT, c"(os/kern) invalid object";
    /// It waits already.
    KERN_ALREADY_WAITING = 30, ALREADY_WAITING, c"(os/kern) already waiting";
    /// The default set.
    KERN_DEFAULT_SET = 31, DEFAULT_SET, c"(os/kern) default set";
    /// The exception is protected.
    KERN_EXCEPTION_PROTECTED = 32, EXCEPTION_PROTECTED, c"(os/kern) exception protected";
    /// Not a ledger.
    KERN_INVALID_LEDGER = 33, INVALID_LEDGER, c"(os/kern) invalid ledger";
    /// Not a memory control.
    KERN_INVALID_MEMORY_CONTROL = 34, INVALID_MEMORY_CONTROL, c"(os/kern) invalid memory control";
    /// Not a security token.
    KERN_INVALID_SECURITY = 35, INVALID_SECURITY, c"(os/kern) invalid security";
    /// Not depressed.
    KERN_NOT_DEPRESSED = 36, NOT_DEPRESSED, c"(os/kern) not depressed";
    /// It is being ended.
    KERN_TERMINATED = 37, TERMINATED, c"(os/kern) object terminated";
    /// This kernel has no such thing.
    KERN_NOT_SUPPORTED = 46, NOT_SUPPORTED, c"(os/kern) not supported";
    /// The call went to a port that is none, or gone.
    MACH_SEND_INVALID_DEST = 0x1000_0003, SEND_INVALID_DEST, c"(ipc/send) invalid destination port";
    /// The memory that was to go with the call is not there.
    MACH_SEND_INVALID_MEMORY = 0x1000_000c, SEND_INVALID_MEMORY, c"(ipc/send) invalid memory";
}

impl KernReturn {
    /// The code of a result.
    pub(super) const fn of<T>(result: &Result<T>) -> kern_return_t {
        match result {
            Ok(_) => KERN_SUCCESS,
            Err(code) => code.0,
        }
    }
}

impl From<Kind> for KernReturn {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::BadAddress
            | Kind::BadSize
            | Kind::NotReserved
            | Kind::NotAllocated
            | Kind::BeyondAllocation
            | Kind::SpansAllocations
            | Kind::NotCommitted
            | Kind::ForeignView
            | Kind::NotWatched => Self::INVALID_ADDRESS,
            Kind::NoAccess
            | Kind::GuardHit
            | Kind::AboveCeiling
            | Kind::NoConsent
            | Kind::Special
            | Kind::AccessDenied => Self::PROTECTION_FAILURE,
            Kind::Conflict
            | Kind::NoSpace
            | Kind::BadPlace
            | Kind::AlreadyCommitted
            | Kind::TargetCommitted => Self::NO_SPACE,
            Kind::ZeroSize
            | Kind::BadProtection
            | Kind::BadFlags
            | Kind::NotAtBase
            | Kind::Misaligned
            | Kind::NoNode
            | Kind::BadFrame
            | Kind::Fixed
            | Kind::NotPlaceholder
            | Kind::BadHandle => Self::INVALID_ARGUMENT,
            Kind::CommitLimit
            | Kind::MapBudget
            | Kind::OutOfMemory
            | Kind::LockQuota
            | Kind::NoLargePages
            | Kind::NoObject => Self::RESOURCE_SHORTAGE,
            Kind::Privilege => Self::NO_ACCESS,
            Kind::PartialCopy | Kind::ContentLost => Self::MEMORY_ERROR,
            Kind::NoProcess | Kind::Gone => Self::SEND_INVALID_DEST,
            Kind::Busy => Self::ABORTED,
            Kind::NotLocked | Kind::Unsupported | Kind::Protocol | Kind::Machine(_) => Self::FAILURE,
        }
    }
}

impl From<Error> for KernReturn {
    fn from(error: Error) -> Self {
        error.kind().into()
    }
}

impl fmt::Debug for KernReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#x})", self.name(), self.0)
    }
}

impl fmt::Display for KernReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().to_string_lossy())
    }
}

impl std::error::Error for KernReturn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_name_and_words() {
        assert_eq!(format!("{:?}", KernReturn::INVALID_ADDRESS), "KERN_INVALID_ADDRESS (0x1)");
        assert_eq!(KernReturn::SEND_INVALID_DEST.to_string(), "(ipc/send) invalid destination port");
        assert_eq!(KernReturn(12345).name(), "unknown error code");
    }
}
