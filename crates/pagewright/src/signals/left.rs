//! Whether `SIGSEGV` is left alone.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{PURPOSES, TURN, retire};

/// Lets the user choose: `leave`.
const VARIABLE: &str = "PAGEWRIGHT_SIGSEGV";

/// 0 until somebody asks; then one of these.
static CHOSEN: AtomicU8 = AtomicU8::new(0);
const USED: u8 = 1;
const LEFT: u8 = 2;

/// Leaves `SIGSEGV` to the program from now on, whatever is called: what it does about the signal is not
/// changed, nor looked at. The variable `PAGEWRIGHT_SIGSEGV` set to `leave` says the same, from the
/// beginning. There is no way back.
///
/// - Guards that are armed from now on are met by waiting ([`Delivery::Userfault`]); where
///   the kernel does not permit that, armed pages are just inaccessible.
/// - Stores to watched memory are not noted by faults: where the kernel has no other way, such
///   memory is refused.
/// - Faults are not told as Mach does; vectored exception handlers get what `RaiseException` raises,
///   and nothing else.
///
/// Call it first. If our handler is in place already, the one before it is back; guards that
/// were armed for it end the process when they are met.
///
/// From any thread; not for signal handlers.
///
/// [`Delivery::Userfault`]: crate::guard::Delivery::Userfault
pub fn leave_sigsegv() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = CHOSEN.swap(LEFT, Ordering::SeqCst);
    if before != LEFT && PURPOSES.swap(0, Ordering::SeqCst) != 0 {
        retire();
    }
}

/// Whether `SIGSEGV` is left alone.
#[must_use]
pub fn leaves_sigsegv() -> bool {
    match CHOSEN.load(Ordering::Acquire) {
        USED => false,
        LEFT => true,
        _ => ask_environment(),
    }
}

#[cold]
fn ask_environment() -> bool {
    let wanted = match std::env::var(VARIABLE).as_deref() {
        Ok("leave") => LEFT,
        Ok(_) | Err(_) => USED,
    };
    // Who is first decides: the function may have been called meanwhile.
    let _ = CHOSEN.compare_exchange(0, wanted, Ordering::SeqCst, Ordering::SeqCst);
    CHOSEN.load(Ordering::SeqCst) == LEFT
}
