//! The resident's end of a ring.

use super::layout::{DataArea, Info, Memory, RING_LEN, State};
use super::{Frame, Kernel, spin_turns};
use crate::sys;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

/// How long the resident looks out for the next request before it sleeps.
const SPIN_NANOS: u64 = 20_000;
/// How long it sleeps at most before it looks around.
const STEP_NANOS: u64 = 500_000_000;

/// What a [`Handler`] wants to happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Go on.
    Continue,
    /// Answer this request, refuse all others, and return from [`Server::serve`].
    Stop,
}

/// The bit of the bell that belongs to no slot: another thread of this process rings.
const NUDGED: usize = 31;

/// Who answers the requests.
pub trait Handler {
    /// Answers one request. Everything in `request` and `data` is the caller's word only; `reply` is
    /// zero before the call.
    fn serve(&mut self, request: &Frame, data: &mut DataArea<'_>, reply: &mut Frame) -> Next;

    /// Called about twice a second while there is nothing to do.
    fn idle(&mut self) -> Next;

    /// Called when another thread of this process has rung, or somebody says so.
    fn nudged(&mut self) {}
}

/// The right of another thread of the resident's process to ring.
#[derive(Clone, Copy, Debug)]
pub struct Nudge {
    memory: NonNull<Memory>,
}

// SAFETY: what it points at can be used from any thread.
unsafe impl Send for Nudge {}

impl Nudge {
    /// Wakes the resident, whose handler is then [`Handler::nudged`].
    ///
    /// # Safety
    /// The server has been neither moved nor dropped since this was made.
    pub unsafe fn ring(&self) {
        // SAFETY: by contract.
        let memory = unsafe { self.memory.as_ref() };
        let _ = memory.bell().ring(NUDGED, &Kernel);
    }
}

/// What a resident tells about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The build of the library that it comes from.
    pub build: [u64; 2],
    /// Base and length of the memory that was injected.
    pub region: (u64, u64),
}

/// A ring and the right to answer what comes in.
#[derive(Debug)]
pub struct Server {
    memory: Memory,
    spin: Spin,
    looked_around: u64,
}

impl Server {
    /// Makes a ring. It is [`State::Starting`]: nobody can use it yet.
    pub fn create() -> sys::Result<Server> {
        let memory = Memory::create()?;
        Ok(Server { memory, spin: Spin::new(spin_turns(SPIN_NANOS)), looked_around: 0 })
    }

    /// The descriptor by which callers find it.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.memory.fd()
    }

    /// Where the ring is mapped: base and length.
    #[must_use]
    pub fn mapping(&self) -> (u64, u64) {
        (self.memory.base(), RING_LEN as u64)
    }

    /// Fills the header in and opens the ring for callers.
    pub fn open(&mut self, identity: Identity) {
        self.looked_around = sys::monotonic_nanos();
        self.memory.introduce(&Info {
            state: State::Ready,
            build: identity.build,
            pid: sys::getpid() as u32,
            tid: sys::gettid() as u32,
            region: identity.region,
            ring: self.mapping(),
            started: self.looked_around,
        });
    }

    /// Tells callers what the resident is doing.
    pub fn set_state(&self, state: State) {
        self.memory.set_state(state);
    }

    /// Where the state stands: for who must set it without having the server, such as a panic handler.
    #[must_use]
    pub fn state_word(&self) -> &AtomicU32 {
        self.memory.state_word()
    }

    /// How another thread of this process can ring.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        Nudge { memory: NonNull::from(&self.memory) }
    }

    /// Where callers wait for news: raise it and wake them.
    #[must_use]
    pub fn news_word(&self) -> &AtomicU32 {
        self.memory.news()
    }

    /// Answers requests until the handler says stop. Afterwards every request is refused, and the
    /// state is [`State::Stopping`].
    pub fn serve(&mut self, handler: &mut dyn Handler) {
        while self.turn(handler) == Next::Continue {}
        self.set_state(State::Stopping);
        self.close();
    }

    /// Refuses what is posted now and whatever will be.
    fn close(&self) {
        self.memory.bell().close();
        self.memory.slots().for_each(|(_, slot)| slot.line().refuse(&Kernel));
    }

    fn turn(&mut self, handler: &mut dyn Handler) -> Next {
        match self.memory.bell().take() {
            0 => self.rest(handler),
            rung => {
                if rung & 1 << NUDGED != 0 {
                    handler.nudged();
                }
                self.serve_slots(rung, handler)
            }
        }
    }

    fn serve_slots(&self, rung: u32, handler: &mut dyn Handler) -> Next {
        for (number, slot) in self.memory.slots() {
            // The bell is a hint that anybody may have written; the state of the line decides.
            if rung & 1 << number == 0 || !slot.line().begin() {
                continue;
            }
            let mut reply = [0; 16];
            let next = handler.serve(&slot.read_request(), &mut slot.data(), &mut reply);
            slot.write_reply(&reply);
            if next == Next::Stop {
                // Before the answer, so that the caller who stopped us finds it said.
                self.set_state(State::Stopping);
            }
            slot.line().finish(&Kernel);
            if next == Next::Stop {
                return next;
            }
        }
        Next::Continue
    }

    /// Nothing to do: spins for a moment, since requests come in bursts, then sleeps.
    fn rest(&mut self, handler: &mut dyn Handler) -> Next {
        let bell = self.memory.bell();
        if self.spin.until(|| bell.has_rung()) {
            return Next::Continue;
        }
        bell.sleep(&Kernel, STEP_NANOS);
        let now = sys::monotonic_nanos();
        if now.saturating_sub(self.looked_around) < STEP_NANOS {
            return Next::Continue;
        }
        self.looked_around = now;
        handler.idle()
    }
}

/// Spinning that learns whether it is worth it: a rare caller should cost the target nothing.
#[derive(Debug)]
struct Spin {
    most: u32,
    turns: u32,
}

impl Spin {
    fn new(most: u32) -> Spin {
        Spin { most, turns: most }
    }

    fn until(&mut self, happened: impl Fn() -> bool) -> bool {
        for _ in 0..self.turns {
            if happened() {
                self.turns = (self.turns * 2).min(self.most);
                return true;
            }
            core::hint::spin_loop();
        }
        self.turns = (self.turns / 2).max(self.most / 8);
        false
    }
}
