//! Guards of this process that are met by waiting: for programs that keep `SIGSEGV` to themselves.
//!
//! ```text
//!   a thread accesses an armed page ──► waits in the kernel; a message says so
//!   pagewright-hear   takes the message
//!   pagewright-guard  has the page put back: the guard is gone
//!   pagewright-tell   tells the functions of `guard::on_hit`; if none goes on, queues SIGSEGV
//!                     for the thread; lets it go on
//! ```
//!
//! The first has a table of descriptors of its own, with the one that messages come from and nothing else: so a
//! program that closes all that it does not know of closes none of that, and no message is ever read from a file of
//! the program's. The second needs the files of this process. The third is one more because a function that is
//! told may meet a guard itself: then it goes on without anybody being told. None takes signals. They run from
//! the first guard on until the process ends.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pagewright_core::{AddressSpace, Done, Meeting, Protection};
use pagewright_linux::courier::Courier;
use pagewright_linux::machine::{Guarding, Keeper, Linux};
use pagewright_linux::sys::{self, Errno, Fault, FaultKind};

use super::fork::repair;
use super::{Held, OWN, hold_mutex, own};
use crate::guard::{self, AccessKind, GuardHit, Verdict};

/// Stack of the thread that calls functions of the program: what [`guard::OnHit`] promises, and our own.
const TELLER_STACK: usize = 256 << 10;
/// And of the others.
const READER_STACK: usize = 128 << 10;

/// The process in which guards are armed so from now on.
static CHOSEN: AtomicI32 = AtomicI32::new(0);
/// The process that the threads run in: a forked child has none.
static SERVED: AtomicI32 = AtomicI32::new(0);
/// The thread that tells; its own accesses are not told.
static TELLER: AtomicI32 = AtomicI32::new(0);
/// Who starts the threads.
static STARTING: Mutex<()> = Mutex::new(());

/// A guard that was met, and whose thread waits.
#[derive(Debug)]
struct Met {
    fault: Fault,
    protection: Protection,
}

/// What becomes of guards that cannot be met by waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// Arming them is refused by the machine.
    Refuse,
    /// Their pages are inaccessible, and nobody notices: `SIGSEGV` is to be left alone.
    Close,
}

/// Has guards that are armed from now on met by waiting, if the kernel permits it.
pub(super) fn need(otherwise: Otherwise) {
    let pid = sys::getpid();
    if CHOSEN.load(Ordering::Acquire) == pid {
        return;
    }
    let _held = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let messages = change(|machine| {
        machine.set_guarding(Guarding::Userfault);
        machine.open_messages().ok()
    });
    let Some(messages) = messages.flatten() else {
        if otherwise == Otherwise::Close {
            change(|machine| machine.set_guarding(Guarding::Closed));
        }
        return;
    };
    let started = if SERVED.load(Ordering::Acquire) == pid { Ok(None) } else { start(messages) };
    match started {
        Ok(keeper) => {
            if let Some(keeper) = keeper {
                change(|machine| machine.set_keeper(keeper));
            }
            SERVED.store(pid, Ordering::Release);
            CHOSEN.store(pid, Ordering::Release);
            change(Linux::rearm);
        }
        Err(error) => {
            tracing::warn!(%error, "no thread to notice guards can be started");
            change(|machine| machine.set_guarding(without_threads(otherwise)));
        }
    }
}

const fn without_threads(otherwise: Otherwise) -> Guarding {
    match otherwise {
        Otherwise::Refuse => Guarding::Signal,
        Otherwise::Close => Guarding::Closed,
    }
}

/// Has guards that are armed from now on met otherwise; those that stand are met as they were.
pub(super) fn retire(guarding: Guarding) {
    if CHOSEN.swap(0, Ordering::AcqRel) != 0 {
        change(|machine| machine.set_guarding(guarding));
    }
}

/// This is a forked child: what its parent guarded is guarded here, too.
pub(super) fn in_child() {
    if SERVED.load(Ordering::Acquire) != 0 && change(|machine| machine.has_lapsed()) == Some(true) {
        need(super::guard::otherwise());
    }
}

/// Keeps everybody else from starting the threads, for a fork.
pub(super) fn hold() -> Option<Held> {
    hold_mutex(&STARTING)
}

/// Starts the threads, and says which keeps the descriptor, if one can.
fn start(messages: i32) -> io::Result<Option<Keeper>> {
    let ((told, tell), (heard, hear), (kept, keeper)) = (channel(), channel(), channel());
    let mask = sys::block_signals();
    let teller = thread::Builder::new().name("pagewright-tell".into()).stack_size(TELLER_STACK);
    let started = teller.spawn(move || tell_all(&tell)).and_then(|_| {
        let attender = thread::Builder::new().name("pagewright-guard".into()).stack_size(READER_STACK);
        attender.spawn(move || hear.into_iter().for_each(|fault| attend(fault, &told)))
    });
    let started = started.and_then(|_| {
        let reader = thread::Builder::new().name("pagewright-hear".into()).stack_size(READER_STACK);
        reader.spawn(move || {
            let _ = kept.send(keep(messages));
            drop(kept);
            read_all(messages, &heard);
        })
    });
    sys::restore_signals(mask);
    started.map(|_| keeper.recv().unwrap_or_default())
}

/// Keeps the descriptor for this thread alone, where others can have it again.
fn keep(messages: i32) -> Option<Keeper> {
    let thread = sys::gettid();
    // Not before Linux 6.9: then there is but one table, and a closed descriptor is lost.
    sys::descriptor_of(thread, messages).ok()?;
    // SAFETY: this thread is for the descriptor alone.
    unsafe { sys::keep_alone(messages) }.ok()?;
    Some(Keeper { thread, number: messages })
}

/// Waits for messages for ever.
fn read_all(messages: i32, heard: &Sender<Fault>) {
    let file = sys::file_id(messages);
    loop {
        match sys::wait_readable(messages) {
            Ok(()) | Err(Errno::EINTR) => {}
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
        loop {
            // Somebody may have closed ours and have another file under the number.
            if sys::file_id(messages) != file {
                return give_up_service(Errno::EBADF);
            }
            match sys::userfault_read(messages) {
                Ok(Some(fault)) => {
                    if heard.send(fault).is_err() {
                        return give_up_service(Errno::EPIPE);
                    }
                }
                Ok(None) => break,
                Err(error) => return give_up_service(error),
            }
        }
    }
}

/// Somebody closed the descriptor: then nobody waits any more.
fn give_up_service(error: Errno) {
    tracing::warn!(%error, "guards are not noticed any more");
    CHOSEN.store(0, Ordering::Release);
    SERVED.store(0, Ordering::Release);
}

fn attend(fault: Fault, told: &Sender<Met>) {
    match meet(fault.at) {
        Some(Meeting::Guard(protection)) if fault.thread != TELLER.load(Ordering::Relaxed) => {
            if told.send(Met { fault, protection }).is_err() {
                let_go_on(fault.at);
            }
        }
        Some(Meeting::Guard(_)) => let_go_on(fault.at),
        // A function that is told may look at the page that it is told of.
        Some(Meeting::Nothing) if fault.thread == TELLER.load(Ordering::Relaxed) => {
            let_go_on(fault.at);
            change(|machine| machine.dismiss(&fault));
        }
        Some(Meeting::Nothing) => drop(change(|machine| machine.dismiss(&fault))),
        None => drop(change(|machine| {
            machine.give_up(fault.at);
            machine.dismiss(&fault);
        })),
    }
}

/// Disarms the guard at `at`; who waits there waits on. `None`: the machine refused.
fn meet(at: u64) -> Option<Meeting> {
    let decide = |space: &AddressSpace, machine: &mut Linux| {
        machine.hold_waiters();
        let met = space.meet(machine, at);
        machine.release_at_once();
        met
    };
    let done: Done<Meeting> = OWN.get()?.write(repair, decide, AddressSpace::apply).ok()?.ok()?;
    Some(done.value)
}

/// Puts the page back and lets the threads go on that wait there. What is in the way is a want of
/// memory, which may pass.
fn let_go_on(at: u64) {
    while let Some(Err(_)) = change(|machine| machine.let_go_on(at)) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// This thread's signals are kept back while it lives.
#[derive(Debug)]
pub(super) struct Quiet(sys::SignalMask);

/// Where guards are met by waiting, a call is not interrupted: a handler of signals that met a guard in
/// it would wait for that very call.
pub(super) fn quiet() -> Option<Quiet> {
    (SERVED.load(Ordering::Acquire) != 0).then(|| Quiet(sys::block_signals()))
}

impl Drop for Quiet {
    fn drop(&mut self) {
        sys::restore_signals(self.0);
    }
}

/// Something that concerns the machine only. `None`: this thread is inside of a call.
fn change<T>(change: impl FnOnce(&mut Linux) -> T) -> Option<T> {
    let _quiet = quiet();
    let changed = own().write(repair, |_, machine| Ok::<_, ()>(change(machine)), |_, _| {});
    changed.ok()?.ok()
}

fn tell_all(tell: &Receiver<Met>) {
    TELLER.store(sys::gettid(), Ordering::Relaxed);
    let mut courier = Courier::new();
    while let Ok(Met { fault, protection }) = tell.recv() {
        let kind = match fault.kind {
            FaultKind::Load => AccessKind::Read,
            FaultKind::Store | FaultKind::ProtectedStore => AccessKind::Write,
        };
        let hit = GuardHit { address: fault.at, kind, ip: 0, protection };
        match guard::tell(&hit) {
            Verdict::Continue => {}
            Verdict::Pass => courier.deliver(&fault),
        }
        let_go_on(fault.at);
        let _ = courier.retire();
    }
}

#[cfg(test)]
mod tests {
    use super::super::held;
    use super::*;

    #[test]
    fn a_forked_child_finds_nobody_starting_the_threads() {
        held::take();
        assert!(STARTING.try_lock().is_err());
        held::let_go();
        assert!(STARTING.try_lock().is_ok());
    }
}
