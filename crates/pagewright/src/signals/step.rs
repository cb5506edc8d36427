//! Single steps: handlers that set the trap flag are told after the next instruction. So guards are
//! armed again that shall tell of every access.
//!
//! The handler of `SIGTRAP` is put in place when the flag is set; nothing else ever needs it.

use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGTRAP, c_int, c_void, siginfo_t};

use super::action::Action;
use super::handler::{Round, Slot, call, send, write_mark};
use crate::guard::AccessKind;
use crate::win32::exception::{Answer, Cause, Violation, ask_filter, ask_handlers};

/// The code of `SIGTRAP` for the trap flag.
const TRACE: c_int = 2;

/// What was there when ours was first put in place, and when it was last.
static SLOTS: [Slot; 2] = [Slot::new(), Slot::new()];
const FIRST: usize = 0;
const LAST: usize = 1;
static WAS_PLACED: AtomicBool = AtomicBool::new(false);

/// Puts the handler in place, unless it is. Safe in a signal handler.
pub(crate) fn need_steps() {
    let now = Action::current(SIGTRAP);
    if now.is(on_step) {
        return;
    }
    if !WAS_PLACED.swap(true, Ordering::AcqRel) {
        SLOTS[FIRST].store(now);
    }
    SLOTS[LAST].store(now);
    Action::ours(on_step).set(SIGTRAP);
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
    // Who chains to us after we have chained to them gets what was there before both.
    let round = Round::of(info, context);
    let before = match round {
        Round::First => SLOTS[LAST].load(),
        Round::Second => SLOTS[FIRST].load(),
        Round::Third => Action::DEFAULT,
    };
    // SAFETY: what the kernel hands to a handler.
    let ask = |whom: unsafe fn(&Violation, *mut c_void) -> Answer| unsafe { whom(&step, context) };
    if code == TRACE && round == Round::First && ask(ask_handlers) == Answer::Continue {
        return;
    }
    if before.handler != libc::SIG_DFL && before.handler != libc::SIG_IGN {
        let mark = round.note(info, context);
        call(before, &SLOTS, signal, info, context);
        write_mark(info, mark);
        return;
    }
    if code == TRACE && ask(ask_filter) == Answer::Continue {
        return;
    }
    if code > 0 || before.handler == libc::SIG_DFL {
        Action::DEFAULT.set(signal);
        send(signal, info);
    }
}
