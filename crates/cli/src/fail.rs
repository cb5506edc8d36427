//! What the command answers instead of a result, and how it ends.

use std::io;
use std::path::Path;

use pagewright::win32::Failure;
use serde_json::{Value, json};

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Fail {
    /// Refused; a Win32 code, its name, one sentence.
    Call { code: u32, name: String, message: String },
    /// The command line makes no sense although clap took it: exit status 2.
    Usage(String),
    /// A tour that did not prove everything; what it did prove, for `--json`.
    Tour { message: String, report: Value },
    /// Nobody reads the output any more.
    Pipe,
}

const NOT_ENOUGH_MEMORY: (u32, &str) = (8, "ERROR_NOT_ENOUGH_MEMORY");
const PARTIAL_COPY: (u32, &str) = (299, "ERROR_PARTIAL_COPY");
const NO_ACCESS: (u32, &str) = (998, "ERROR_NOACCESS");
const INTERNAL: (u32, &str) = (1359, "ERROR_INTERNAL_ERROR");

impl Fail {
    fn call((code, name): (u32, &str), message: String) -> Self {
        Self::Call { code, name: name.to_owned(), message }
    }

    /// A refusal with a code and a sentence of the command's own.
    pub(crate) fn code(code: (u32, &str), message: String) -> Self {
        Self::call(code, message)
    }

    /// A copy that ended early.
    pub(crate) fn partial(message: String) -> Self {
        Self::call(PARTIAL_COPY, message)
    }

    /// A range that leaves the user range.
    pub(crate) fn no_access(message: String) -> Self {
        Self::call(NO_ACCESS, message)
    }

    /// A buffer of ours that could not be had.
    pub(crate) fn memory(message: String) -> Self {
        Self::call(NOT_ENOUGH_MEMORY, message)
    }

    /// A program of the tour that could not be started or looked at.
    pub(crate) fn program(message: String) -> Self {
        Self::call(INTERNAL, message)
    }

    /// A file of the caller's that could not be used; `argument` is the one to change.
    pub(crate) fn file(argument: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as E;
        let code = match error.kind() {
            E::BrokenPipe => return Self::Pipe,
            E::NotFound => (2, "ERROR_FILE_NOT_FOUND"),
            E::PermissionDenied | E::ReadOnlyFilesystem => (5, "ERROR_ACCESS_DENIED"),
            E::StorageFull | E::QuotaExceeded => (112, "ERROR_DISK_FULL"),
            E::OutOfMemory => NOT_ENOUGH_MEMORY,
            E::IsADirectory | E::NotADirectory => (3, "ERROR_PATH_NOT_FOUND"),
            _ => (31, "ERROR_GEN_FAILURE"),
        };
        Self::call(code, format!("{argument} {}: {}", path.display(), reason(error)))
    }

    /// Standard output that could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        Self::file("standard output", Path::new("-"), error)
    }

    /// The same refusal with the argument to change named as the command line has it.
    pub(crate) fn about(self, argument: &str) -> Self {
        match self {
            Self::Call { code, name, message } => {
                Self::Call { code, name, message: format!("{message} ({argument})") }
            }
            Self::Usage(_) | Self::Tour { .. } | Self::Pipe => self,
        }
    }

    /// The same refusal in words that fit the command line better.
    pub(crate) fn saying(self, message: &str) -> Self {
        match self {
            Self::Call { code, name, .. } => Self::Call { code, name, message: message.to_owned() },
            Self::Usage(_) | Self::Tour { .. } | Self::Pipe => self,
        }
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Call { message, .. } | Self::Usage(message) | Self::Tour { message, .. } => message,
            Self::Pipe => "nobody reads the output",
        }
    }

    /// The document of `--json`.
    pub(crate) fn json(&self) -> Value {
        let error =
            |code: u32, name: &str, message: &str| json!({"code": code, "name": name, "message": message});
        match self {
            Self::Call { code, name, message } => json!({"error": error(*code, name, message)}),
            Self::Tour { message, report } => {
                json!({"error": error(INTERNAL.0, INTERNAL.1, message), "tour": report})
            }
            Self::Usage(_) | Self::Pipe => Value::Null,
        }
    }

    /// The exit status of the process.
    pub(crate) const fn status(&self) -> u8 {
        match self {
            Self::Call { .. } | Self::Tour { .. } => 1,
            Self::Usage(_) => 2,
            Self::Pipe => 0,
        }
    }
}

impl From<Failure> for Fail {
    fn from(failure: Failure) -> Self {
        Self::Call { code: failure.code(), name: failure.name().to_owned(), message: failure.to_string() }
    }
}

impl From<pagewright::Error> for Fail {
    fn from(error: pagewright::Error) -> Self {
        Failure::from(error).into()
    }
}

/// The reason without the "(os error 2)" behind it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_lowercase(),
        None => text,
    }
}
