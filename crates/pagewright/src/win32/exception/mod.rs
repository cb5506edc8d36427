//! Exceptions: vectored handlers, the filter of last resort, `RaiseException`.
//!
//! ```text
//!   an access violation, an armed guard page ── SIGSEGV ──► signals ─┐
//!   RaiseException, with the registers of its caller ────────────────┤
//!                                                                    ▼
//!     1. for guards: the functions of `guard::on_hit`
//!     2. the vectored handlers in their order       ─┐ EXCEPTION_CONTINUE_EXECUTION: the thread goes
//!     3. for faults: Mach's SIGBUS, or the handler   │ on with the registers in the context, after
//!        of SIGSEGV that the program had before      │ the vectored continue handlers were asked
//!     4. the filter of SetUnhandledExceptionFilter  ─┘
//!     5. the end: SIGSEGV, or for other codes that were raised a sentence and SIGABRT
//! ```
//!
//! Handlers run on the thread that did it. After a fault that is inside of the signal handler, on the
//! thread's alternative signal stack if it has one, and nothing is blocked: the calls of this library
//! may be made, a handler may fault itself, and it may leave by `siglongjmp`, not by unwinding. Such a
//! stack must have room: a handler that makes calls of ours needs 64 KiB, and the stacks that
//! Rust gives its threads have two pages. As in `guard::on_hit`, it must not wait for a lock that
//! the thread may have.
//!
//! A general protection fault (an address that is none, say) has no address: it is shown as a load
//! from the highest one, as on Windows. What the C compiler of Windows makes of `__try` is not here.

mod calls;
mod constants;
mod context;
mod dispatch;
mod list;
mod raise;
mod types;

pub use calls::{
    AddVectoredContinueHandler, AddVectoredExceptionHandler, RemoveVectoredContinueHandler,
    RemoveVectoredExceptionHandler, SetUnhandledExceptionFilter, UnhandledExceptionFilter,
};
pub use constants::*;
pub(crate) use dispatch::{Answer, Cause, Violation, ask_filter, ask_handlers};
pub use raise::{RaiseException, RtlCaptureContext};
pub use types::*;
