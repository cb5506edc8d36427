//! What a refused call says, and what becomes of panics.

use std::any::Any;
use std::ffi::c_char;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rust::win32::{Failure, NtStatus};

use super::code::Code;
use super::pointer::Out;

/// Bytes of a message, with the NUL at its end.
const ROOM: usize = 480;

/// `pw_error`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Report {
    code: u32,
    win32: u32,
    ntstatus: u32,
    pid: u32,
    address: u64,
    size: u64,
    message: [c_char; ROOM],
}

const _: () = assert!(size_of::<Report>() == 512, "as the header says");

/// Why a function was refused.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// By the crate.
    Call(rust::Error),
    /// Because of an argument that the crate never saw.
    Argument(Code, String),
    /// Copying stopped short, at this address.
    Partial { at: u64, done: u64, size: u64, pid: u32 },
}

impl Refusal {
    pub(super) fn argument(sentence: impl Into<String>) -> Self {
        Self::Argument(Code::ERR_BAD_ARGUMENT, sentence.into())
    }
}

impl From<rust::Error> for Refusal {
    fn from(error: rust::Error) -> Self {
        Self::Call(error)
    }
}

/// What functions of this API are inside.
pub(super) type Result<T> = std::result::Result<T, Refusal>;

/// Does what a function is for; reports why not. A panic ends here.
pub(super) fn answer(error: Out<Report>, work: impl FnOnce() -> Result<()>) -> Code {
    let refusal = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Code::OK,
        Ok(Err(refusal)) => refusal,
        Err(panic) => Refusal::Argument(Code::ERR_INTERNAL, last_words(panic)),
    };
    let code = refusal.code();
    if !error.is_null() {
        error.put(refusal.report());
    }
    code
}

fn last_words(panic: Box<dyn Any + Send>) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing");
    let sentence = format!("an error of Pagewright itself, which said: {said}");
    // Whatever was thrown is not ours to drop: that might throw again.
    std::mem::forget(panic);
    sentence
}

impl Refusal {
    fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.kind().into(),
            Self::Argument(code, _) => *code,
            Self::Partial { .. } => Code::ERR_PARTIAL_COPY,
        }
    }

    fn report(self) -> Report {
        let code = self.code().0;
        let blank = Report { code, win32: 0, ntstatus: 0, pid: 0, address: 0, size: 0, message: [0; ROOM] };
        match self {
            Self::Call(error) => {
                let (pid, address, size) = (error.pid(), error.address(), error.size());
                let message = copied(&error);
                let failure = Failure::from(error);
                let report = Report { pid, address, size, message, ..blank };
                Report { win32: failure.code(), ntstatus: failure.status.0, ..report }
            }
            Self::Argument(code, sentence) => {
                let report = Report { message: copied(&sentence), ..blank };
                report.called(status_of(code))
            }
            Self::Partial { at, done, size, pid } => {
                let sentence = format_args!(
                    "only {done} of {size} bytes could be copied: {at:#x} cannot be accessed; give a size that ends before it"
                );
                let report = Report { pid, address: at, size, message: copied(&sentence), ..blank };
                report.called(NtStatus::PARTIAL_COPY)
            }
        }
    }
}

impl Report {
    fn called(self, status: NtStatus) -> Self {
        Self { win32: status.to_win32(), ntstatus: status.0, ..self }
    }
}

/// The status of the codes that only this API has.
fn status_of(code: Code) -> NtStatus {
    match code {
        Code::ERR_BAD_HANDLE => NtStatus::INVALID_HANDLE,
        Code::ERR_NO_ROOM => NtStatus::NO_MEMORY,
        Code::ERR_INTERNAL => NtStatus::INTERNAL_ERROR,
        Code(_) => NtStatus::INVALID_PARAMETER,
    }
}

/// A text as C has it: cut where a letter begins, with zeros behind it. Takes no memory.
struct Text<const N: usize> {
    bytes: [c_char; N],
    used: usize,
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(N - 1 - self.used);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for byte in text[..end].bytes() {
            self.bytes[self.used] = byte as c_char;
            self.used += 1;
        }
        // What does not fit is the end.
        if end == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Something to say as a text of C.
pub(super) fn copied<const N: usize>(what: &impl fmt::Display) -> [c_char; N] {
    let mut text = Text { bytes: [0; N], used: 0 };
    let _ = write!(text, "{what}");
    text.bytes
}
