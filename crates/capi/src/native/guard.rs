//! Guards: who is told when one is met.
//!
//! The crate tells plain functions; a program in C wants to hand something to its own. So one
//! function of ours is told, and tells those of the program, from a list that it can read in
//! the signal handler: no lock, no memory.

use std::ffi::c_void;
use std::mem;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use rust::guard::{self, Verdict};
use rust::{GuardDelivery, GuardHit};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{Out, Record, User, Visit};
use super::report::{Refusal, Report, Result, answer};
use super::words::{self, meant};

/// `pw_guard_hit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Hit {
    struct_size: u32,
    access: u32,
    address: u64,
    ip: u64,
    number: u64,
    time_ns: u64,
    thread: u32,
    protection: u32,
}

// SAFETY: numbers, and no padding: 2 · 4 + 4 · 8 + 2 · 4.
unsafe impl Record for Hit {
    const NAME: &'static str = "pw_guard_hit";
}

const _: () = assert!(size_of::<Hit>() == 48, "as the header says");

/// A `pw_guard_function`; answers a `pw_verdict`.
type Function = unsafe extern "C" fn(*const Hit, *mut c_void) -> u32;

/// `PW_CONTINUE`.
const CONTINUE: u32 = 1;

/// How many functions there can be.
const MOST: usize = 64;

/// A function, and what it is handed. The turn counts who had the place, and its low bits say
/// what is there now; who reads looks at it before and after. Nobody ever waits.
struct Listener {
    turn: AtomicU32,
    function: AtomicUsize,
    user: AtomicPtr<c_void>,
}

/// What is in a place.
const STATE: u32 = 3;
const EMPTY: u32 = 0;
const FILLING: u32 = 1;
const USED: u32 = 2;

static LISTENERS: [Listener; MOST] = [const { Listener::new() }; MOST];

impl Listener {
    const fn new() -> Self {
        let (turn, function) = (AtomicU32::new(0), AtomicUsize::new(0));
        Self { turn, function, user: AtomicPtr::new(ptr::null_mut()) }
    }

    fn is(&self, state: u32) -> bool {
        self.turn.load(Ordering::Acquire) & STATE == state
    }

    /// The function and what it is handed, if there is one now.
    fn get(&self) -> Option<(Function, *mut c_void)> {
        let turn = self.turn.load(Ordering::Acquire);
        let function = self.function.load(Ordering::Acquire);
        let user = self.user.load(Ordering::Acquire);
        if turn & STATE != USED || self.turn.load(Ordering::Acquire) != turn {
            return None;
        }
        // SAFETY: the number was made from such a function; it belongs to this turn.
        Some((unsafe { mem::transmute::<usize, Function>(function) }, user))
    }

    /// Fills an empty place; answers the turn.
    fn fill(&self, function: Function, user: *mut c_void) -> Option<u32> {
        let turn = self.turn.load(Ordering::Acquire) & !STATE;
        self.pass(turn | EMPTY, turn | FILLING)?;
        self.function.store(function as usize, Ordering::Release);
        self.user.store(user, Ordering::Release);
        self.pass(turn | FILLING, turn | USED)
    }

    /// Empties the place, if it is still that of this turn.
    fn empty(&self, turn: u32) -> Option<u32> {
        if turn & STATE == USED { self.pass(turn, turn.wrapping_add(4) & !STATE) } else { None }
    }

    fn pass(&self, from: u32, to: u32) -> Option<u32> {
        self.turn.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| to)
    }
}

/// Tells them, the first that was added first.
fn tell(hit: &guard::GuardHit) -> Verdict {
    let hit = Hit {
        struct_size: 0,
        access: words::access(hit.kind),
        address: hit.address,
        ip: hit.ip,
        number: 0,
        time_ns: 0,
        thread: 0,
        protection: words::bits(hit.protection),
    };
    let hit = hit.sized();
    for (function, user) in LISTENERS.iter().filter_map(Listener::get) {
        // SAFETY: the caller of `pw_guard_add` gave a function of this type, and what it is handed.
        if unsafe { function(&raw const hit, user) } == CONTINUE {
            return Verdict::Continue;
        }
    }
    Verdict::Pass
}

/// A `pw_guard_handler`: turn and place.
fn number(turn: u32, place: usize) -> u64 {
    u64::from(turn) << 32 | (place as u64 + 1)
}

fn add(function: Function, user: *mut c_void) -> Result<u64> {
    static ONCE: Once = Once::new();
    // Behind the last one that is in use, so that they are told in order.
    let used = LISTENERS.iter().rposition(|listener| !listener.is(EMPTY));
    let behind = LISTENERS.iter().enumerate().skip(used.map_or(0, |last| last + 1));
    let mut filled =
        behind.filter_map(|(place, listener)| Some(number(listener.fill(function, user)?, place)));
    let handler = filled.next().ok_or_else(|| {
        let sentence =
            format!("there are {MOST} functions that are told of guards; remove the last ones first");
        Refusal::Argument(Code::ERR_NO_ROOM, sentence)
    })?;
    ONCE.call_once(|| {
        // Never removed: it passes on what nobody wants.
        let _ = guard::on_hit(tell);
    });
    Ok(handler)
}

fn remove(handler: u64) -> Result<()> {
    let place = (handler & u64::from(u32::MAX)).checked_sub(1);
    let listener = place.and_then(|place| LISTENERS.get(usize::try_from(place).ok()?));
    let emptied = listener.and_then(|listener| listener.empty((handler >> 32) as u32));
    emptied.map(|_| ()).ok_or_else(|| {
        let sentence = format!("the handler is {handler:#x}, which is none; give one of pw_guard_add, once");
        Refusal::Argument(Code::ERR_BAD_HANDLE, sentence)
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_guard_add(
    function: Option<Function>,
    user: User,
    handler: Out<u64>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let function = function.ok_or_else(|| Refusal::argument("function is NULL; give one"))?;
        handler.put(add(function, user.0)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_guard_remove(handler: u64, error: Out<Report>) -> Code {
    answer(error, || remove(handler))
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_set_guard_delivery(process: Handle, delivery: u32, error: Out<Report>) -> Code {
    answer(error, || {
        let delivery: GuardDelivery = meant(delivery)?;
        Ok(process.process()?.set_guard_delivery(delivery)?)
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_guard_hits(
    process: Handle,
    patience_ms: u64,
    visit: Visit<Hit>,
    user: User,
    lost: Out<u64>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let visit = visit.needed("visit")?;
        let found = process.process()?.guard_hits(Duration::from_millis(patience_ms))?;
        lost.put(found.lost);
        visit.each(user, found.hits.into_iter().map(|hit| Hit::from(hit).sized()));
        Ok(())
    })
}

impl From<GuardHit> for Hit {
    fn from(hit: GuardHit) -> Self {
        Self {
            struct_size: 0,
            access: words::remote_access(hit.access),
            address: hit.at,
            ip: 0,
            number: hit.number,
            time_ns: hit.time_ns,
            thread: hit.thread,
            protection: 0,
        }
    }
}
