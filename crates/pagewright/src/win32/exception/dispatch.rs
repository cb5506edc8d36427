//! Who is asked about an exception. In the signal handler: no lock, no memory, and little stack.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::constants::{
    EXCEPTION_CONTINUE_EXECUTION, STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION, STATUS_SINGLE_STEP,
};
use super::context::Frame;
use super::list::{Key, List};
use super::types::{
    CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD, LPTOP_LEVEL_EXCEPTION_FILTER, PVECTORED_EXCEPTION_HANDLER,
};
use crate::guard::AccessKind;
use crate::signals;

/// Of the flags, the one that has every instruction told.
const TRAP_FLAG: u32 = 0x100;

/// Vectored handlers.
pub(super) static HANDLERS: List = List::new();
/// Vectored continue handlers.
pub(super) static CONTINUERS: List = List::new();
/// The filter of last resort; 0 for none.
static FILTER: AtomicUsize = AtomicUsize::new(0);

/// What is to become of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It goes on with the registers in the context.
    Continue,
    /// Nobody wants it.
    Search,
}

/// What a fault was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An armed guard was met.
    Guard,
    /// The memory is not there, or forbids it.
    Access,
    /// An instruction was executed with the trap flag set.
    Step,
}

/// A fault that is an exception.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Violation {
    pub(crate) cause: Cause,
    pub(crate) kind: AccessKind,
    pub(crate) at: u64,
}

impl Violation {
    fn record(&self, ip: u64) -> EXCEPTION_RECORD {
        let (code, words) = match self.cause {
            Cause::Guard => (STATUS_GUARD_PAGE_VIOLATION, 2),
            Cause::Access => (STATUS_ACCESS_VIOLATION, 2),
            Cause::Step => (STATUS_SINGLE_STEP, 0),
        };
        let mut record = EXCEPTION_RECORD {
            ExceptionCode: code,
            ExceptionAddress: ptr::with_exposed_provenance_mut(ip as usize),
            NumberParameters: words,
            ..EXCEPTION_RECORD::default()
        };
        if words == 2 {
            record.ExceptionInformation[0] = self.kind.code() as usize;
            record.ExceptionInformation[1] = self.at as usize;
        }
        record
    }
}

/// Asks the vectored handlers about a fault.
///
/// # Safety
/// `frame` is what the kernel handed to the signal handler that calls this.
pub(crate) unsafe fn ask_handlers(violation: &Violation, frame: *mut c_void) -> Answer {
    if HANDLERS.is_empty() {
        return Answer::Search;
    }
    // SAFETY: the caller vouches for the frame.
    show(violation, &unsafe { Frame::new(frame) }, call_handlers)
}

/// Asks the filter of last resort about a fault.
///
/// # Safety
/// As [`ask_handlers`].
pub(crate) unsafe fn ask_filter(violation: &Violation, frame: *mut c_void) -> Answer {
    if FILTER.load(Ordering::Acquire) == 0 {
        return Answer::Search;
    }
    // SAFETY: the caller vouches for the frame.
    show(violation, &unsafe { Frame::new(frame) }, call_filter)
}

/// Shows a fault to somebody, and goes on if they want that.
#[inline(never)]
fn show(violation: &Violation, frame: &Frame, to: fn(&mut EXCEPTION_POINTERS) -> Answer) -> Answer {
    let mut context = CONTEXT::default();
    frame.give(&mut context);
    if violation.cause == Cause::Step {
        context.EFlags &= !TRAP_FLAG; // Who wants the next step sets it again.
    }
    let mut record = violation.record(context.Rip);
    let mut pointers =
        EXCEPTION_POINTERS { ExceptionRecord: &raw mut record, ContextRecord: &raw mut context };
    let answer = to(&mut pointers);
    if answer == Answer::Continue {
        call_continuers(&mut pointers);
        frame.take(&mut context);
        if frame.get(libc::REG_EFL) as u32 & TRAP_FLAG != 0 {
            signals::need_steps();
        }
    }
    answer
}

pub(super) fn call_handlers(pointers: &mut EXCEPTION_POINTERS) -> Answer {
    call_all(&HANDLERS, pointers)
}

/// The thread goes on whatever they say.
pub(super) fn call_continuers(pointers: &mut EXCEPTION_POINTERS) {
    call_all(&CONTINUERS, pointers);
}

fn call_all(list: &List, pointers: &mut EXCEPTION_POINTERS) -> Answer {
    let mut last = Key::BEFORE_ALL;
    while let Some((key, function)) = list.after(last) {
        // SAFETY: the number was made from a function of this type.
        let handler = unsafe { std::mem::transmute::<usize, PVECTORED_EXCEPTION_HANDLER>(function) };
        // SAFETY: it is what such a function is given.
        if handler.map(|handler| unsafe { handler(pointers) }) == Some(EXCEPTION_CONTINUE_EXECUTION) {
            return Answer::Continue;
        }
        last = key;
    }
    Answer::Search
}

pub(super) fn call_filter(pointers: &mut EXCEPTION_POINTERS) -> Answer {
    // SAFETY: it is what such a function is given.
    match filter().map(|filter| unsafe { filter(pointers) }) {
        Some(EXCEPTION_CONTINUE_EXECUTION) => Answer::Continue,
        Some(_) | None => Answer::Search,
    }
}

/// The filter of last resort.
pub(super) fn filter() -> LPTOP_LEVEL_EXCEPTION_FILTER {
    // SAFETY: the number was made from a function of this type, or is 0 for none.
    unsafe { std::mem::transmute(FILTER.load(Ordering::Acquire)) }
}

pub(super) fn is_somebody_to_be_asked() -> bool {
    !HANDLERS.is_empty() || filter().is_some()
}

/// Replaces it; the one before.
pub(super) fn set_filter(filter: LPTOP_LEVEL_EXCEPTION_FILTER) -> LPTOP_LEVEL_EXCEPTION_FILTER {
    let number = filter.map_or(0, |filter| filter as usize);
    // SAFETY: as above.
    unsafe { std::mem::transmute(FILTER.swap(number, Ordering::AcqRel)) }
}
