//! Single steps: handlers that set the trap flag are told after the next instruction. So guards are
//! armed again that shall tell of every access.
//!
//! The handler of `SIGTRAP` is put in place when the flag is first set; nothing else ever needs it.

use libc::{SIGTRAP, c_int, c_void, siginfo_t};

use super::action::Action;
use super::handler::{Slot, call, send};
use crate::guard::AccessKind;
use crate::win32::exception::{Answer, Cause, Violation, ask_filter, ask_handlers};

/// The code of `SIGTRAP` for the trap flag.
const TRACE: c_int = 2;

/// What was there before ours.
static BEFORE: Slot = Slot::new();

/// Puts the handler in place, unless it is. Safe in a signal handler.
pub(crate) fn need_steps() {
    let now = Action::current(SIGTRAP);
    if !now.is(on_step) {
        BEFORE.store(now);
        Action::ours(on_step).set(SIGTRAP);
    }
}

extern "C" fn on_step(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the place of this thread's error number.
    let errno = unsafe { *libc::__errno_location() };
    serve(signal, info, context);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn serve(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands a valid record to a handler.
    let code = unsafe { (*info).si_code };
    let step = Violation { cause: Cause::Step, kind: AccessKind::Read, at: 0 };
    // SAFETY: what the kernel hands to a handler.
    if code == TRACE && unsafe { ask_handlers(&step, context) } == Answer::Continue {
        return;
    }
    let before = BEFORE.load();
    if before.handler != libc::SIG_DFL && before.handler != libc::SIG_IGN {
        call(before, signal, info, context);
        return;
    }
    // SAFETY: as above.
    if code == TRACE && unsafe { ask_filter(&step, context) } == Answer::Continue {
        return;
    }
    if code > 0 || before.handler == libc::SIG_DFL {
        Action::DEFAULT.set(signal);
        send(signal, info);
    }
}
