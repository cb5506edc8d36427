//! Who may touch a slot when, and how nobody sleeps through a wake-up.
//!
//! Written over a trait instead of the real atomics so that `loom` can run the same code through
//! every order of events (`model.rs`).
//!
//! Each sleep is one Dekker handshake: the sleeper raises a flag and *then* looks whether there is
//! work; the other side makes work and *then* looks for the flag. Both looks are locked exchanges.
//! A plain store followed by a plain load lets the processor swap the two, and then both sides see
//! the old value and one sleeps forever; that has happened.

/// An atomic word shared with the other side.
pub(crate) trait Word {
    /// Reads; what the other side wrote before it wrote this is visible afterwards.
    fn load(&self) -> u32;
    /// Exchanges in one total order with every other exchange; also a full fence.
    fn swap(&self, value: u32) -> u32;
    /// Sets bits, likewise. With 0 it reads the newest value.
    fn set_bits(&self, bits: u32) -> u32;
    /// Exchanges if the word is `from`, and says whether it was.
    fn change(&self, from: u32, to: u32) -> bool;
}

/// Sleeping on a word.
pub(crate) trait Futex<W> {
    /// Sleeps while the word is `expected`, until woken or for `nanos`; may return for no reason.
    fn wait(&self, word: &W, expected: u32, nanos: u64);
    /// Wakes everybody who sleeps on the word.
    fn wake(&self, word: &W);
}

/// Nobody uses the slot, or its owner is writing a request.
pub(crate) const IDLE: u32 = 0;
/// The request is complete and waits for the resident. Its owner no longer touches it.
pub(crate) const POSTED: u32 = 1;
/// The resident works on it.
pub(crate) const SERVING: u32 = 2;
/// The reply is complete and belongs to the owner of the slot.
pub(crate) const DONE: u32 = 3;
/// The resident stopped before it looked at the request.
pub(crate) const REFUSED: u32 = 4;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const CLOSED: u32 = 2;

/// The one bell of a ring: which slots want the resident, and whether it sleeps.
#[derive(Debug)]
pub(crate) struct Bell<'a, W> {
    pub(crate) pending: &'a W,
    pub(crate) sleeping: &'a W,
}

impl<W: Word> Bell<'_, W> {
    /// Says that a slot was posted. `false`: the resident has stopped and will not look.
    pub(crate) fn ring(&self, slot: usize, futex: &impl Futex<W>) -> bool {
        self.pending.set_bits(1 << slot);
        match self.sleeping.set_bits(0) {
            CLOSED => false,
            AWAKE => true,
            // Anything else is "asleep": a needless wake-up does no harm, a missing one does.
            _ => {
                futex.wake(self.pending);
                true
            }
        }
    }

    /// The slots that rang since the last time.
    pub(crate) fn take(&self) -> u32 {
        self.pending.swap(0)
    }

    /// Whether any slot rang, cheaply and perhaps a moment late: for spinning.
    pub(crate) fn has_rung(&self) -> bool {
        self.pending.load() != 0
    }

    /// Sleeps until a slot rings, at most `nanos`.
    pub(crate) fn sleep(&self, futex: &impl Futex<W>, nanos: u64) {
        self.sleeping.swap(ASLEEP);
        if self.pending.set_bits(0) == 0 {
            futex.wait(self.pending, 0, nanos);
        }
        self.sleeping.swap(AWAKE);
    }

    /// From now on nobody takes requests. Each slot must be [`Line::refuse`]d afterwards.
    pub(crate) fn close(&self) {
        self.sleeping.swap(CLOSED);
    }
}

/// How far a slot is, for its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// Not finished; the word was this.
    Pending(u32),
    Done,
    Refused,
    /// A value that only a broken or hostile resident writes.
    Nonsense,
}

/// One slot's line: its state, and whether its owner sleeps.
#[derive(Debug)]
pub(crate) struct Line<'a, W> {
    pub(crate) state: &'a W,
    pub(crate) waiting: &'a W,
}

impl<W: Word> Line<'_, W> {
    /// Owner: the request is complete. Ring the bell afterwards.
    pub(crate) fn post(&self) {
        self.state.swap(POSTED);
    }

    /// Owner: takes a request back. `true`: the resident has not seen it and never will.
    pub(crate) fn withdraw(&self) -> bool {
        self.state.change(POSTED, IDLE)
    }

    /// Owner: the reply was read, the slot is free for the next request.
    pub(crate) fn clear(&self) {
        self.state.swap(IDLE);
    }

    /// Owner: how far it is, cheaply and perhaps a moment late: for spinning.
    pub(crate) fn glance(&self) -> Progress {
        Self::judge(self.state.load())
    }

    /// Owner: how far it is, newest value.
    pub(crate) fn look(&self) -> Progress {
        Self::judge(self.state.set_bits(0))
    }

    /// Owner: whether the slot may be written to.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load() == IDLE
    }

    /// Owner: sleeps until the slot is finished, or `go_on`, asked after each sleep of at most
    /// `nanos`, says no: then the last progress may be [`Progress::Pending`].
    pub(crate) fn sleep(
        &self,
        futex: &impl Futex<W>,
        nanos: u64,
        mut go_on: impl FnMut() -> bool,
    ) -> Progress {
        self.waiting.swap(1);
        let mut progress = self.look();
        while let Progress::Pending(seen) = progress {
            futex.wait(self.state, seen, nanos);
            progress = self.look();
            if matches!(progress, Progress::Pending(_)) && !go_on() {
                break;
            }
        }
        self.waiting.swap(0);
        progress
    }

    /// Resident: takes the request. `false`: there is none (withdrawn, or the bell lied).
    pub(crate) fn begin(&self) -> bool {
        self.state.change(POSTED, SERVING)
    }

    /// Resident: the reply is complete.
    pub(crate) fn finish(&self, futex: &impl Futex<W>) {
        self.state.swap(DONE);
        self.wake(futex);
    }

    /// Resident: will not serve any more; tells whoever waits.
    pub(crate) fn refuse(&self, futex: &impl Futex<W>) {
        if self.state.change(POSTED, REFUSED) {
            self.wake(futex);
        }
    }

    fn wake(&self, futex: &impl Futex<W>) {
        if self.waiting.set_bits(0) != 0 {
            futex.wake(self.state);
        }
    }

    fn judge(state: u32) -> Progress {
        match state {
            POSTED | SERVING => Progress::Pending(state),
            DONE => Progress::Done,
            REFUSED => Progress::Refused,
            _ => Progress::Nonsense,
        }
    }
}

impl Word for core::sync::atomic::AtomicU32 {
    fn load(&self) -> u32 {
        core::sync::atomic::AtomicU32::load(self, core::sync::atomic::Ordering::Acquire)
    }

    fn swap(&self, value: u32) -> u32 {
        core::sync::atomic::AtomicU32::swap(self, value, core::sync::atomic::Ordering::SeqCst)
    }

    fn set_bits(&self, bits: u32) -> u32 {
        self.fetch_or(bits, core::sync::atomic::Ordering::SeqCst)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        use core::sync::atomic::Ordering::SeqCst;
        self.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}
