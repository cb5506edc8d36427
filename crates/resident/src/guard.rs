//! Guards of this process: who notices that they are met, and who is told.
//!
//! ```text
//!   a thread accesses an armed page ──► waits in the kernel; a message says so
//!   pump        (the second thread) ──► rings the bell of the ring
//!   resident    takes the message: the page is put back, the guard is gone
//!               keeps the hit for whoever asks; tells the thread by a signal
//!               lets the thread go on, which takes the signal first, then tries again
//! ```
//!
//! Nobody here ever waits for a caller: hits that nobody takes are overwritten by later ones.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use pagewright_core::wire::{GuardAccess, GuardDelivery, GuardHit, GuardRequest, HIT};
use pagewright_core::{Error, Kind, Managed, Meeting, Verb};
use pagewright_linux::courier::Courier;
use pagewright_linux::machine::Linux;
use pagewright_linux::ring::{DATA_LEN, DataArea, Nudge};
use pagewright_linux::sys::{self, Fault, FaultKind};

use crate::pump::{Job, Pump};

/// Hits that are kept.
const KEPT: usize = 256;

/// How the pump and the callers are reached.
#[derive(Clone, Copy, Debug)]
pub struct Wires {
    /// Wakes the resident.
    pub nudge: Nudge,
    /// Rises with each hit; callers wait for it. Mapped as long as the resident lives.
    pub news: NonNull<AtomicU32>,
}

/// What is noticed, and how it is told.
#[derive(Debug, Default)]
pub struct Watchman {
    wires: Option<Wires>,
    pump: Option<Pump>,
    courier: Courier,
    delivery: GuardDelivery,
    hits: VecDeque<GuardHit>,
    /// Hits so far.
    count: u64,
    /// Pages that were met and could not be put back yet.
    held_up: Vec<u64>,
}

impl Watchman {
    /// Says how the others are reached.
    pub const fn connect(&mut self, wires: Wires) {
        self.wires = Some(wires);
    }

    /// This is a forked child: the pump stayed in the parent.
    pub fn forget(&mut self) {
        core::mem::forget(self.pump.take());
        self.wires = None;
        self.courier.forget();
    }

    /// How many threads of this process are the resident's.
    pub const fn threads(&self) -> u32 {
        if self.pump.is_some() { 2 } else { 1 }
    }

    /// Makes sure that somebody notices, before a guard is armed.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the kernel, or a filter of this process, does not permit it;
    /// [`Kind::OutOfMemory`].
    pub fn ready(&mut self, machine: &mut Linux) -> Result<(), Kind> {
        let messages = machine.open_messages().map_err(Kind::from)?;
        if self.pump.is_some() {
            return Ok(());
        }
        let wires = self.wires.ok_or(Kind::Unsupported)?;
        let pump = Pump::start(messages, Job::Nudge(wires.nudge)).map_err(|error| match error {
            sys::Errno::ENOMEM | sys::Errno::EAGAIN => Kind::OutOfMemory,
            _other => Kind::Unsupported,
        })?;
        self.pump = Some(pump);
        Ok(())
    }

    /// Arms again what was armed in the parent of this forked process; pages whose guards nobody
    /// could notice stay ordinary ones.
    pub fn rearm(&mut self, managed: &mut Managed<Linux>) {
        let machine = managed.machine_mut();
        if machine.has_lapsed() && self.ready(machine).is_ok() {
            machine.rearm();
        }
    }

    /// Takes all messages there are.
    pub fn attend(&mut self, managed: &mut Managed<Linux>) {
        let Some(messages) = managed.machine().messages().filter(|_| self.pump.is_some()) else { return };
        while let Ok(Some(fault)) = sys::userfault_read(messages) {
            self.meet(managed, &fault);
        }
        if let Some(pump) = &self.pump {
            pump.resume();
        }
    }

    /// One access that waits.
    fn meet(&mut self, managed: &mut Managed<Linux>, fault: &Fault) {
        managed.machine_mut().hold_waiters();
        let met = match managed.meet(fault.at) {
            Ok(Meeting::Guard(_)) => true,
            Ok(Meeting::Nothing) => false,
            Err(_) => {
                managed.machine_mut().give_up(fault.at);
                true
            }
        };
        if met {
            self.tell(fault);
        } else {
            managed.machine_mut().dismiss(fault);
        }
        managed.machine_mut().release_at_once();
        self.let_go_on(managed, fault.at);
    }

    /// Lets the thread try again; one that cannot have its page back yet is let go on later.
    fn let_go_on(&mut self, managed: &mut Managed<Linux>, at: u64) {
        if managed.machine_mut().let_go_on(at).is_err() {
            self.held_up.push(at);
        }
    }

    fn tell(&mut self, fault: &Fault) {
        let access = match fault.kind {
            FaultKind::Load => GuardAccess::Load,
            FaultKind::Store | FaultKind::ProtectedStore => GuardAccess::Store,
        };
        self.count += 1;
        if self.hits.len() == KEPT {
            self.hits.pop_front();
        }
        self.hits.push_back(GuardHit {
            number: self.count,
            at: fault.at,
            access,
            thread: fault.thread.unsigned_abs(),
            time_ns: sys::monotonic_nanos(),
        });
        // The signal first: who learns of the hit may count on it.
        match self.delivery {
            GuardDelivery::Signal => self.courier.deliver(fault),
            GuardDelivery::Event => {}
        }
        if let Some(wires) = self.wires {
            // SAFETY: it stays mapped as long as this thread serves.
            let news = unsafe { wires.news.as_ref() };
            news.fetch_add(1, Ordering::Release);
            let _ = sys::futex_wake(news, i32::MAX as u32);
        }
    }

    /// Serves a request; hits go to the data area, and the answer is how many.
    pub fn serve(&mut self, request: GuardRequest, data: &DataArea<'_>) -> u64 {
        match request {
            GuardRequest::Deliver(delivery) => {
                self.delivery = delivery;
                0
            }
            GuardRequest::Hits(after) => {
                let new = self.hits.iter().filter(|hit| hit.number > after);
                let mut count = 0;
                for hit in new.take(DATA_LEN / 8 / HIT) {
                    for (word, value) in hit.encode().into_iter().enumerate() {
                        data.write(count * HIT + word, &value.to_ne_bytes());
                    }
                    count += 1;
                }
                count as u64
            }
        }
    }

    /// Now and then: tidies up what is not needed any more.
    pub fn rest(&mut self, managed: &mut Managed<Linux>) {
        for at in core::mem::take(&mut self.held_up) {
            self.let_go_on(managed, at);
        }
        if !managed.machine().has_sentries() {
            let _ = self.courier.retire();
        }
    }

    /// The resident leaves: all guards become ordinary pages, for nobody could ever open them.
    ///
    /// # Errors
    /// [`Kind::OutOfMemory`]: a page could not be put back. [`Kind::Busy`]: a thread that is stopped
    /// has not taken its signal yet. The resident must stay.
    pub fn leave(&mut self, managed: &mut Managed<Linux>) -> Result<(), Error> {
        let fail = |kind| Error::new(Verb::Attach, kind, 0, 0);
        self.attend(managed);
        managed.machine_mut().dissolve().map_err(|refusal| fail(refusal.into()))?;
        if !self.courier.retire_soon() {
            return Err(fail(Kind::Busy));
        }
        if let Some(pump) = self.pump.take() {
            pump.stop();
        }
        Ok(())
    }
}
