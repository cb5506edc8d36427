//! What the kernel says of a fault.

use libc::{c_int, c_void, siginfo_t};
use pagewright_linux::courier;
use pagewright_linux::sys::FaultKind;

use crate::guard::AccessKind;
use crate::win32::exception::{Cause, Violation};

/// The codes of `SIGSEGV` for memory that is not there, and for memory that is and may not
/// be accessed that way.
const MAPERR: c_int = 1;
pub(super) const ACCERR: c_int = 2;
/// The code of `SIGSEGV` for what the kernel has no other code for.
const KERNEL: c_int = 0x80;
/// The numbers of the processor's faults.
const PAGE_FAULT: i64 = 14;
const GENERAL_PROTECTION: i64 = 13;
/// Bits of its error code.
const STORE: i64 = 2;
const FETCH: i64 = 16;

/// An access that the processor could not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The byte that was accessed; of an access over a page's end, one of the second page.
    pub(crate) at: u64,
    /// How.
    pub(crate) kind: AccessKind,
    /// The instruction.
    pub(crate) ip: u64,
}

impl Fault {
    /// The page fault that a handler is told of; `None` if it is anything else: sent by
    /// somebody, or an address that is none.
    pub(super) fn of(info: *const siginfo_t, context: *const c_void) -> Option<Self> {
        // SAFETY: the kernel hands a valid record to a handler, and so do those who chain.
        let code = unsafe { (*info).si_code };
        if (code != MAPERR && code != ACCERR) || register(context, libc::REG_TRAPNO) != PAGE_FAULT {
            return None;
        }
        // SAFETY: as above, and page faults have an address.
        let at = unsafe { (*info).si_addr() }.addr() as u64;
        let error = register(context, libc::REG_ERR);
        let kind = if error & FETCH != 0 {
            AccessKind::Execute
        } else if error & STORE != 0 {
            AccessKind::Write
        } else {
            AccessKind::Read
        };
        Some(Self { at, kind, ip: register(context, libc::REG_RIP).cast_unsigned() })
    }
}

/// The guard that was met by waiting, of which the signal tells.
pub(super) fn met_by_waiting(info: *const siginfo_t) -> Option<Violation> {
    // SAFETY: a valid record, and words inside of it.
    let (at, second) = unsafe { (info.cast::<u64>().add(2).read(), info.cast::<u64>().add(3).read()) };
    let kind = match courier::met(second)? {
        FaultKind::Load => AccessKind::Read,
        FaultKind::Store | FaultKind::ProtectedStore => AccessKind::Write,
    };
    Some(Violation { cause: Cause::Guard, kind, at })
}

/// A fault of the program that is an exception, if it met no guard. An address that is none has no
/// number: Windows shows it as a load from the highest one.
pub(super) fn violation(info: *const siginfo_t, context: *const c_void) -> Option<Violation> {
    let cause = Cause::Access;
    if let Some(Fault { at, kind, .. }) = Fault::of(info, context) {
        return Some(Violation { cause, kind, at });
    }
    // SAFETY: as above.
    let code = unsafe { (*info).si_code };
    let is_none = code == KERNEL && register(context, libc::REG_TRAPNO) == GENERAL_PROTECTION;
    is_none.then_some(Violation { cause, kind: AccessKind::Read, at: u64::MAX })
}

/// A register of the code that was interrupted.
pub(super) fn register(context: *const c_void, number: c_int) -> i64 {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid context to a handler; the number is one of libc's.
    unsafe { (*context).uc_mcontext.gregs[number as usize] }
}
