//! What a call of this crate can answer instead of a result.

use std::fmt;

use pagewright_core::{Error as CoreError, Kind, Verb};

/// A refusal: what was asked of which process, why it was refused, what to change.
///
/// A refused call has changed nothing. One error for the whole crate: match on
/// [`Error::kind`], print with `{}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    core: CoreError,
    pid: u32,
    detail: Option<Box<str>>,
}

/// What calls of this crate give back.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A refusal of an address space, in the process `pid` (0: an emulated one).
    pub(crate) const fn of(core: CoreError, pid: u32) -> Self {
        Self { core, pid, detail: None }
    }

    /// A refusal with a sentence of its own.
    pub(crate) fn because(verb: Verb, kind: Kind, pid: u32, detail: impl fmt::Display) -> Self {
        let detail = Some(detail.to_string().into_boxed_str());
        Self { core: CoreError::new(verb, kind, 0, 0), pid, detail }
    }

    /// Why.
    pub const fn kind(&self) -> Kind {
        self.core.kind
    }

    /// What was asked.
    pub const fn verb(&self) -> Verb {
        self.core.verb
    }

    /// The address that was given, or that stands in the way.
    pub const fn address(&self) -> u64 {
        self.core.at
    }

    /// The size that was given, in bytes.
    pub const fn size(&self) -> u64 {
        self.core.size
    }

    /// The process that was meant; 0 for an emulated address space.
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => f.write_str(detail),
            None if self.pid == 0 => self.core.fmt(f),
            None => write!(f, "process {}: {}", self.pid, self.core),
        }
    }
}

impl std::error::Error for Error {}
