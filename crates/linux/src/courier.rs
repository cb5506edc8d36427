//! Signals for the threads of the program, as the kernel would have sent them.
//!
//! Only a thread itself may queue a signal that says that it comes from the kernel. So a thread that
//! met a guard is first sent another one, a real-time signal that nobody else uses at the moment, whose
//! handler is a function of ours: it queues the fault for its own thread, and when it returns that
//! is taken, with the registers of the access that waits. The thread that waits in the kernel is
//! let go on by the signal; its access is made again after the program's handler.
//!
//! Where that cannot be (the thread has a filter, or holds all those signals back), the fault is queued
//! directly, with a code that says who did it: `SI_QUEUE`. The address is there in both cases, and behind it
//! a word that no kernel writes there: whoever knows it tells guards from other faults.

use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;

use crate::sys::{
    self, Disposition, Fault, FaultKind, OpenMode, SEGV_ACCERR, SI_QUEUE, SignalInfo, Timespec,
};

/// `SIGSEGV`.
const FAULT: i32 = 11;

/// The second word of a fault that is a guard which was met by a load, and by a store.
const BY_LOAD: u64 = 0x6472_6175_4777_5000;
const BY_STORE: u64 = BY_LOAD + 1;

/// How a guard was met, if the second word of a fault says that one was.
#[must_use]
pub const fn met(second: u64) -> Option<FaultKind> {
    match second {
        BY_LOAD => Some(FaultKind::Load),
        BY_STORE => Some(FaultKind::Store),
        _ => None,
    }
}

const fn word(kind: FaultKind) -> u64 {
    match kind {
        FaultKind::Load => BY_LOAD,
        FaultKind::Store | FaultKind::ProtectedStore => BY_STORE,
    }
}

/// The signals that may carry one: real-time ones, from the last on. The C library uses the first.
const CARRIERS: core::ops::RangeInclusive<i32> = 36..=64;

/// How many milliseconds threads are waited for that are about to take theirs.
const LOOKS: u32 = 500;

/// Runs in the thread that met a guard, with its stack or its other one.
extern "C" fn carry(_: i32, info: *const SignalInfo, _: *mut u8) {
    // SAFETY: the kernel hands over a structure that lives as long as the handler runs.
    let (is_store, at) = unsafe { ((*info).first, (*info).second) };
    let fault = SignalInfo::new(FAULT, SEGV_ACCERR, at, BY_LOAD + is_store);
    queue_or_send(sys::gettid(), &fault);
}

/// Where a filter forbids to queue a signal, the bare one is better than none: the guard is
/// gone, and a program that is not told would never know.
fn queue_or_send(thread: i32, fault: &SignalInfo) {
    // SAFETY: what the program does about faults is its own; this is one.
    if unsafe { sys::queue_signal(thread, fault) }.is_err() {
        // SAFETY: as above.
        let _ = unsafe { sys::send_signal(thread, fault.number) };
    }
}

/// What was sent.
#[derive(Debug, Default)]
pub struct Courier {
    /// The signal whose handler is ours.
    carrier: Option<i32>,
    /// Threads that have not taken theirs yet, as far as is known.
    sent: Vec<i32>,
}

impl Courier {
    /// Has sent nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { carrier: None, sent: Vec::new() }
    }

    /// Tells a thread that its access has met a guard.
    pub fn deliver(&mut self, met: &Fault) {
        let (thread, at, word) = (met.thread, met.at, word(met.kind));
        self.settle();
        if let Some(carrier) = self.carrier_for(thread) {
            let letter = SignalInfo::new(carrier, SI_QUEUE, word - BY_LOAD, at);
            // SAFETY: the handler is ours.
            if unsafe { sys::queue_signal(thread, &letter) }.is_ok() {
                self.sent.push(thread);
                return;
            }
        }
        queue_or_send(thread, &SignalInfo::new(FAULT, SI_QUEUE, at, word));
    }

    /// A signal that this thread can take, and whose handler is ours.
    fn carrier_for(&mut self, thread: i32) -> Option<i32> {
        let state = ThreadState::of(thread)?;
        if state.is_filtered {
            return None;
        }
        if let Some(carrier) = self.carrier {
            let is_ours =
                sys::disposition(carrier).is_ok_and(|now| now.handler == carry as *const () as usize);
            if is_ours && state.takes(carrier) {
                return Some(carrier);
            }
            if is_ours && !self.sent.is_empty() {
                return None;
            }
            let _ = self.retire();
        }
        let is_free = |signal: &i32| {
            state.takes(*signal) && sys::disposition(*signal).is_ok_and(|now| now.handler == 0)
        };
        let carrier = CARRIERS.rev().find(is_free)?;
        // SAFETY: nobody uses the signal; the function stays where it is until `retire`.
        unsafe { sys::set_disposition(carrier, &Disposition::taken_by(carry)) }.ok()?;
        self.carrier = Some(carrier);
        Some(carrier)
    }

    /// Forgets those who have taken what was sent to them and are done with it, or have ended. The
    /// handler holds every signal back, so whoever can take the carrier is out of it.
    fn settle(&mut self) {
        let carrier = self.carrier;
        self.sent.retain(|thread| {
            let state = ThreadState::of(*thread);
            state.zip(carrier).is_some_and(|(state, signal)| state.awaits(signal) || !state.takes(signal))
        });
    }

    /// Gives the signal back if nobody needs it any more; whether that is so.
    #[must_use]
    pub fn retire(&mut self) -> bool {
        self.settle();
        let Some(carrier) = self.carrier else { return true };
        if !self.sent.is_empty() {
            return false;
        }
        if sys::disposition(carrier).is_ok_and(|now| now.handler == carry as *const () as usize) {
            // SAFETY: it is what it was before.
            let _ = unsafe { sys::set_disposition(carrier, &Disposition::USUAL) };
        }
        self.carrier = None;
        true
    }

    /// [`Self::retire`], with some patience for threads that are about to take theirs.
    #[must_use]
    pub fn retire_soon(&mut self) -> bool {
        for _ in 0..LOOKS {
            if self.retire() {
                return true;
            }
            let nobody = AtomicU32::new(0);
            let _ = sys::futex_wait(&nobody, 0, Timespec::from_nanos(1_000_000));
        }
        false
    }

    /// This is a forked child: nothing was sent to its threads.
    pub fn forget(&mut self) {
        self.sent.clear();
    }
}

/// What the kernel tells of a thread.
#[derive(Clone, Copy, Debug)]
struct ThreadState {
    held_back: u64,
    waiting: u64,
    is_filtered: bool,
}

impl ThreadState {
    fn of(thread: i32) -> Option<Self> {
        let mut path = [0; 48];
        let mut text = [0; 2048];
        let status = sys::open(path_of(thread, &mut path)?, OpenMode::Read).ok()?;
        let length = sys::read(status.raw(), &mut text).ok()?;
        Self::parse(&text[..length])
    }

    fn parse(status: &[u8]) -> Option<Self> {
        let field = |name: &[u8]| {
            let mut lines = status.split(|byte| *byte == b'\n');
            core::str::from_utf8(lines.find_map(|line| line.strip_prefix(name))?.trim_ascii()).ok()
        };
        let mask = |name: &[u8]| u64::from_str_radix(field(name)?, 16).ok();
        Some(Self {
            held_back: mask(b"SigBlk:")?,
            waiting: mask(b"SigPnd:")?,
            // Kernels without filters have no such line.
            is_filtered: field(b"Seccomp:").is_some_and(|mode| mode != "0"),
        })
    }

    const fn takes(self, signal: i32) -> bool {
        self.held_back >> (signal - 1) & 1 == 0
    }

    const fn awaits(self, signal: i32) -> bool {
        self.waiting >> (signal - 1) & 1 != 0
    }
}

/// `/proc/self/task/THREAD/status`.
fn path_of(thread: i32, into: &mut [u8; 48]) -> Option<&sys::Text> {
    let mut digits = [0; 10];
    let mut first = digits.len();
    let mut rest = thread.unsigned_abs();
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut at = 0;
    for part in [b"/proc/self/task/".as_slice(), &digits[first..], b"/status"] {
        into.get_mut(at..at + part.len())?.copy_from_slice(part);
        at += part.len();
    }
    sys::Text::from_bytes_until_nul(into).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_read_from_its_status() {
        let status = b"Name:\tx\nSigPnd:\t8000000000000000\nSigBlk:\t0000000000000400\nSeccomp:\t0\n";
        let state = ThreadState::parse(status).expect("all fields");
        assert!(state.takes(64) && !state.takes(FAULT) && state.awaits(64) && !state.is_filtered);
        assert!(ThreadState::parse(b"SigPnd:\t0\nSigBlk:\t0\nSeccomp:\t2\n").expect("fields").is_filtered);
        assert!(ThreadState::parse(b"Name:\tx\n").is_none());
        assert_eq!(path_of(1_234_567, &mut [0; 48]), Some(c"/proc/self/task/1234567/status"));
    }
}
