//! Why a Win32 call was refused.

use std::fmt;

use pagewright_core::{Error as CoreError, Kind, Verb};

use super::status::{NtStatus, code_name};
use super::types::WIN32_ERROR;
use crate::error::Error;

/// A refusal: the status, the reason in words, and how much was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What an NT call would have answered.
    pub status: NtStatus,
    /// The refusal of the address space, if it came that far.
    pub error: Option<Error>,
    /// For copies: the count to report. `None` leaves the caller's count untouched
    /// (RW20).
    pub transferred: Option<usize>,
    argument: Option<Argument>,
}

/// The argument that is wrong, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Argument {
    what: &'static str,
    value: u64,
    fix: &'static str,
}

impl Failure {
    /// A refusal because of one argument; nothing was asked of the address space.
    pub(super) const fn argument(
        status: NtStatus,
        what: &'static str,
        value: u64,
        fix: &'static str,
    ) -> Self {
        let argument = Some(Argument { what, value, fix });
        Self { status, error: None, transferred: None, argument }
    }

    /// A refusal in the words of the core.
    pub(super) const fn core(verb: Verb, kind: Kind, at: u64, size: u64) -> Self {
        let error = Error::of(CoreError::new(verb, kind, at, size), 0);
        Self { status: NtStatus::of(verb, kind), error: Some(error), transferred: None, argument: None }
    }

    /// The same, with a count to report.
    #[must_use]
    pub(super) fn after(self, transferred: usize) -> Self {
        Self { transferred: Some(transferred), ..self }
    }

    /// The same refusal under another status.
    #[must_use]
    pub(super) fn called(self, status: NtStatus) -> Self {
        Self { status, ..self }
    }

    /// What `GetLastError` answers.
    pub const fn code(&self) -> WIN32_ERROR {
        self.status.to_win32()
    }

    /// The name of [`Self::code`], such as `ERROR_INVALID_ADDRESS`.
    pub const fn name(&self) -> &'static str {
        code_name(self.code())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = NtStatus::of(error.verb(), error.kind());
        Self { status, error: Some(error), transferred: None, argument: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.argument, &self.error) {
            (Some(Argument { what, value, fix }), _) => write!(f, "the {what} is {value:#x}: {fix}"),
            (None, Some(error)) => error.fmt(f),
            (None, None) => write!(f, "{:?}", self.status),
        }
    }
}

impl std::error::Error for Failure {}
