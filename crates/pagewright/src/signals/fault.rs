//! What the kernel says of a fault.

use libc::{c_int, c_void, siginfo_t};

use crate::guard::AccessKind;

/// The codes of `SIGSEGV` for memory that is not there, and for memory that is and may not
/// be accessed that way.
const MAPERR: c_int = 1;
pub(super) const ACCERR: c_int = 2;
/// The number of the processor's page fault.
const PAGE_FAULT: i64 = 14;
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

/// A register of the code that was interrupted.
pub(super) fn register(context: *const c_void, number: c_int) -> i64 {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid context to a handler; the number is one of libc's.
    unsafe { (*context).uc_mcontext.gregs[number as usize] }
}
