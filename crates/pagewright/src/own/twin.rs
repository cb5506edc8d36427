//! Two copies of one truth, so that reading never waits.
//!
//! A query may come from a signal handler that interrupted, on the same thread, a
//! change of the very thing it asks about. So there are two copies: readers use the
//! live one; a writer changes the other, makes it live, waits until nobody reads
//! the old one, and makes the same change there.
//!
//! ```text
//!   readers ──► live ─┐            writer: 1. edit the spare
//!                     ▼                    2. live = spare
//!        [ side 0 ] [ side 1 ]             3. wait for the old side's readers
//!                                          4. edit the old side too
//! ```
//!
//! Locks, outermost first: `Twin::writer`. Readers take none.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pagewright_linux::sys;

use crate::thread_word::{ThreadWord, thread_word};

/// A value in two copies, and a second value that only writers use.
#[derive(Debug)]
pub(super) struct Twin<T, W> {
    sides: [UnsafeCell<T>; 2],
    /// Which side readers use: 0 or 1.
    live: AtomicUsize,
    /// How many readers each side has.
    readers: [AtomicUsize; 2],
    writer: WriterLock,
    work: UnsafeCell<W>,
}

// SAFETY: readers share a side only while no writer touches it (the reader counts),
// writers exclude each other (the lock), and both values may move between threads.
unsafe impl<T: Send + Sync, W: Send> Sync for Twin<T, W> {}

/// Why a writer was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reentered;

impl<T: Clone, W> Twin<T, W> {
    pub(super) fn new(value: T, work: W) -> Self {
        Self {
            sides: [UnsafeCell::new(value.clone()), UnsafeCell::new(value)],
            live: AtomicUsize::new(0),
            readers: [AtomicUsize::new(0), AtomicUsize::new(0)],
            writer: WriterLock::new(),
            work: UnsafeCell::new(work),
        }
    }

    /// Reads. Takes no lock and no memory: may run in a signal handler.
    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let side = loop {
            let side = self.live.load(Ordering::SeqCst) & 1;
            self.readers[side].fetch_add(1, Ordering::SeqCst);
            if self.live.load(Ordering::SeqCst) & 1 == side {
                break side;
            }
            self.readers[side].fetch_sub(1, Ordering::SeqCst);
        };
        let _counted = Counted(&self.readers[side]);
        // SAFETY: this side was live after we were counted, so a writer that wants
        // to change it waits for the count to fall.
        look(unsafe { &*self.sides[side].get() })
    }

    /// Reads while no writer is at work, unless this thread is one itself, or nobody knows
    /// when that one will end. For signal handlers: takes no memory.
    pub(super) fn read_alone<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let _held = self.writer.lock_patiently();
        self.read(look)
    }

    /// Decides with the truth and the writers' value, then applies the edit to both
    /// copies. `edit` must do the same to both.
    ///
    /// # Errors
    /// `Reentered` if this thread is inside of `write` already (a signal handler
    /// interrupted it). `repair` runs first in a forked child, with what the parent's
    /// threads may have left half-done; what it answers mends a copy of the value.
    pub(super) fn write<D, R, M: Fn(&mut T)>(
        &self,
        repair: impl FnOnce(&T, &mut W, Torn) -> Option<M>,
        decide: impl FnOnce(&T, &mut W) -> Result<D, R>,
        edit: impl Fn(&mut T, &D),
    ) -> Result<Result<D, R>, Reentered> {
        let _held = self.enter(repair)?;
        Ok(self.write_held(decide, edit))
    }

    /// As [`Self::write`], and keeps other writers out afterwards, until this thread, or
    /// in a forked child its copy, calls [`Self::resume`].
    ///
    /// # Errors
    /// As there; then, and when `decide` refuses, nobody is kept out.
    pub(super) fn hold<D, R, M: Fn(&mut T)>(
        &self,
        repair: impl FnOnce(&T, &mut W, Torn) -> Option<M>,
        decide: impl FnOnce(&T, &mut W) -> Result<D, R>,
        edit: impl Fn(&mut T, &D),
    ) -> Result<Result<D, R>, Reentered> {
        let held = self.enter(repair)?;
        let done = self.write_held(decide, edit);
        if done.is_ok() {
            std::mem::forget(held);
        }
        Ok(done)
    }

    /// Writes once more after [`Self::hold`], and lets other writers in.
    pub(super) fn resume<D>(&self, decide: impl FnOnce(&T, &mut W) -> D, edit: impl Fn(&mut T, &D)) {
        let _held = Held(&self.writer);
        let _ = self.write_held(|truth, work| Ok::<_, ()>(decide(truth, work)), edit);
    }

    /// In a forked child, on the copy of the thread that holds the writers out: nothing
    /// here is torn, and the threads that read are not here.
    pub(super) fn adopt(&self) {
        self.forget_readers();
        self.writer.token.store(1, Ordering::SeqCst);
    }

    /// Decides and applies, while the lock is held.
    fn write_held<D, R>(
        &self,
        decide: impl FnOnce(&T, &mut W) -> Result<D, R>,
        edit: impl Fn(&mut T, &D),
    ) -> Result<D, R> {
        let live = self.live.load(Ordering::SeqCst) & 1;
        // SAFETY: we hold the writer lock, so nobody changes a side, and nobody
        // else uses the writers' value.
        let (truth, work) = unsafe { (&*self.sides[live].get(), &mut *self.work.get()) };
        let done = decide(truth, work)?;
        self.publish(live, |side| edit(side, &done));
        Ok(done)
    }

    fn publish(&self, live: usize, edit: impl Fn(&mut T)) {
        let spare = 1 - live;
        // SAFETY: we hold the writer lock, and the previous writer left this side
        // without readers; new ones go to the live side, which nobody changes.
        unsafe { edit_or_restore(&self.sides[spare], &self.sides[live], &edit) };
        self.live.store(spare, Ordering::SeqCst);
        let mut waits = 0_u32;
        while self.readers[live].load(Ordering::SeqCst) != 0 {
            waits += 1;
            if waits > 100 {
                sys::sched_yield();
            } else {
                std::hint::spin_loop();
            }
        }
        // SAFETY: we hold the writer lock, and the last reader of this side left.
        unsafe { edit_or_restore(&self.sides[live], &self.sides[spare], &edit) };
    }

    fn forget_readers(&self) {
        for count in &self.readers {
            count.store(0, Ordering::SeqCst);
        }
    }

    fn enter<M: Fn(&mut T)>(
        &self,
        repair: impl FnOnce(&T, &mut W, Torn) -> Option<M>,
    ) -> Result<Held<'_>, Reentered> {
        if let Some(recovery) = self.writer.forked() {
            let torn = recovery.torn;
            self.forget_readers();
            let live = self.live.load(Ordering::SeqCst) & 1;
            // SAFETY: this is a forked child and we are its only recovery: the
            // threads that read or wrote do not exist here. The live side is whole,
            // because writers only ever change the other one.
            let (truth, spare, work) = unsafe {
                (&*self.sides[live].get(), &mut *self.sides[1 - live].get(), &mut *self.work.get())
            };
            if torn == Torn::Perhaps {
                // The half-edited copy may hold anything, so it is not even dropped.
                // SAFETY: as above; a write does not look at what was there.
                unsafe { std::ptr::write(spare, truth.clone()) };
            }
            if let Some(mend) = repair(truth, work, torn) {
                self.publish(live, mend);
            }
        }
        self.writer.lock()
    }
}

/// A reader that is counted until it is done, or panics.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Edits a side; if that panics, the side becomes a copy of the other one, which is whole.
///
/// # Safety
/// Nobody else uses `side`, and nobody changes `whole`.
unsafe fn edit_or_restore<T: Clone>(side: &UnsafeCell<T>, whole: &UnsafeCell<T>, edit: &impl Fn(&mut T)) {
    struct Restore<'a, T: Clone>(&'a UnsafeCell<T>, &'a UnsafeCell<T>);
    impl<T: Clone> Drop for Restore<'_, T> {
        fn drop(&mut self) {
            // SAFETY: as promised. What is half-edited may hold anything, so it is not even dropped.
            unsafe { std::ptr::write(self.0.get(), (*self.1.get()).clone()) };
        }
    }
    let restore = Restore(side, whole);
    // SAFETY: as promised.
    edit(unsafe { &mut *side.get() });
    std::mem::forget(restore);
}

/// Whether a writer was at work when the process forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    /// Nobody was.
    No,
    /// Somebody was: what only writers use may be half-changed.
    Perhaps,
}

/// A lock that knows its owner, and that notices a fork.
///
/// Holding and owning are one word, so that a signal handler finds either the lock
/// free or its own thread in it, at whatever instruction it interrupted that.
#[derive(Debug)]
struct WriterLock {
    /// 0 free, else the number of the thread that holds it, with [`SLEEPERS`] if
    /// somebody sleeps.
    word: AtomicU32,
    /// A byte that a fork resets to 0: 1 this process, 2 recovering.
    token: &'static AtomicU8,
}

/// Set in the word of a held lock while somebody sleeps on it.
const SLEEPERS: u32 = 1 << 31;

/// How long a thread waits before it is asked whether it wants to go on.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came of waiting for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// It is held.
    Locked,
    /// Others had it all the time.
    InVain,
}

#[derive(Debug)]
struct Held<'a>(&'a WriterLock);

/// A child that is being set right; finished on drop.
struct Recovery<'a> {
    lock: &'a WriterLock,
    torn: Torn,
}

/// A number for this thread, not 0 and without [`SLEEPERS`].
fn me() -> u32 {
    static NUMBER: ThreadWord = thread_word!();
    static NEXT: AtomicU32 = AtomicU32::new(1);
    match NUMBER.get() {
        0 => {
            let number = (NEXT.fetch_add(1, Ordering::Relaxed) % (SLEEPERS - 1)) + 1;
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

impl WriterLock {
    fn new() -> Self {
        let token = fork_token();
        token.store(1, Ordering::SeqCst);
        Self { word: AtomicU32::new(0), token }
    }

    fn lock(&self) -> Result<Held<'_>, Reentered> {
        let me = me();
        if self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            while self.wait(me)? == Waited::InVain {}
        }
        Ok(Held(self))
    }

    /// The lock, unless this thread has it already, or it cannot be had for a second: its
    /// holder may wait for what this thread has, or not be here, in a forked child.
    fn lock_patiently(&self) -> Option<Held<'_>> {
        let me = me();
        let free = self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if free {
            return Some(Held(self));
        }
        if self.token.load(Ordering::Acquire) != 1 {
            return None;
        }
        (self.wait(me) == Ok(Waited::Locked)).then_some(Held(self))
    }

    /// Waits for the lock, about a second at most.
    #[cold]
    fn wait(&self, me: u32) -> Result<Waited, Reentered> {
        for _ in 0..200 {
            match self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(Waited::Locked),
                Err(held) if held & !SLEEPERS == me => return Err(Reentered),
                Err(_) => std::hint::spin_loop(),
            }
        }
        // Who slept takes the lock as one with sleepers: others may still sleep.
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let held =
                match self.word.compare_exchange(0, me | SLEEPERS, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Ok(Waited::Locked),
                    Err(held) => held,
                };
            let marked = held | SLEEPERS;
            let seen = self.word.compare_exchange(held, marked, Ordering::Relaxed, Ordering::Relaxed);
            if held == marked || seen.is_ok() {
                // The time limit only guards against a lost wake-up; the loop decides.
                let _ = sys::futex_wait(&self.word, marked, sys::Timespec::from_nanos(50_000_000));
            }
        }
        Ok(Waited::InVain)
    }

    /// In a forked child, once: resets the lock.
    fn forked(&self) -> Option<Recovery<'_>> {
        match self.token.load(Ordering::Acquire) {
            1 => None,
            _ => self.recover(),
        }
    }

    #[cold]
    fn recover(&self) -> Option<Recovery<'_>> {
        if self.token.compare_exchange(0, 2, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            while self.token.load(Ordering::SeqCst) == 2 {
                sys::sched_yield();
            }
            return None;
        }
        let held = self.word.swap(0, Ordering::SeqCst) != 0;
        Some(Recovery { lock: self, torn: if held { Torn::Perhaps } else { Torn::No } })
    }
}

impl Drop for Recovery<'_> {
    fn drop(&mut self) {
        self.lock.token.store(1, Ordering::SeqCst);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.0.word.swap(0, Ordering::Release) & SLEEPERS != 0 {
            // Waking is a courtesy: sleepers wake by themselves too.
            let _ = sys::futex_wake(&self.0.word, 1);
        }
    }
}

/// A byte on a page that the kernel clears in a forked child. Where the kernel
/// cannot (before 4.14), the byte is an ordinary one, and a child of a program with
/// threads that forks in the middle of a call must not use the library.
fn fork_token() -> &'static AtomicU8 {
    static ORDINARY: AtomicU8 = AtomicU8::new(0);
    let page = 0x1000;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let mapped =
        unsafe { sys::mmap(sys::Place::Anywhere, page, sys::Prot::READ_WRITE, sys::Backing::Anonymous) };
    let Ok(at) = mapped else { return &ORDINARY };
    // SAFETY: the page was mapped just now and is ours for ever.
    if unsafe { sys::madvise(at, page, sys::Advice::WipeOnFork) }.is_err() {
        // SAFETY: as above, and nobody uses it.
        let _ = unsafe { sys::munmap(at, page) };
        return &ORDINARY;
    }
    // SAFETY: the page is mapped, zero, aligned, and stays for the rest of the process.
    unsafe { &*(at as *const AtomicU8) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    type Pair = Twin<(u64, u64), u64>;

    fn add(twin: &Pair) -> Result<(), Reentered> {
        twin.write(
            |_, _, _| None::<fn(&mut _)>,
            |truth, work| {
                *work += 1;
                Ok::<_, ()>(truth.0 + 1)
            },
            |side, done| *side = (*done, *done),
        )
        .map(|_| ())
    }

    #[test]
    fn readers_never_see_half_an_edit() {
        let twin: Arc<Pair> = Arc::new(Twin::new((0, 0), 0));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let twin = Arc::clone(&twin);
                std::thread::spawn(move || (0..2000).for_each(|_| add(&twin).expect("not nested")))
            })
            .collect();
        let mut last = 0;
        while last < 4000 {
            let (a, b) = twin.read(|pair| *pair);
            assert_eq!(a, b);
            assert!(a >= last);
            last = a;
        }
        for writer in writers {
            writer.join().expect("no panic");
        }
    }

    /// What a mistake of ours leaves: both sides as before, nobody counted, nobody locked.
    #[test]
    fn a_panic_leaves_nothing_behind() {
        let twin: Pair = Twin::new((7, 7), 0);
        let panicking = |decide: fn() -> u64, edit: fn(u64)| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                twin.write(
                    |_, _, _| None::<fn(&mut _)>,
                    |_, _| Ok::<_, ()>(decide()),
                    |side, done| {
                        side.0 = *done;
                        edit(*done);
                        side.1 = *done;
                    },
                )
            }))
        };
        assert!(panicking(|| panic!("in the decision"), |_| {}).is_err());
        assert!(panicking(|| 9, |_| panic!("in the edit")).is_err());
        let looked = std::panic::AssertUnwindSafe(|| twin.read(|_| panic!("in a reader")));
        assert!(std::panic::catch_unwind(looked).is_err());
        assert_eq!(add(&twin), Ok(()));
        assert_eq!(add(&twin), Ok(()));
        assert_eq!(twin.read(|pair| *pair), (9, 9), "counted from what both sides were");
    }

    #[test]
    fn a_write_inside_a_write_is_refused_and_a_read_is_answered() {
        let twin: Pair = Twin::new((7, 7), 0);
        let inner = twin.write(
            |_, _, _| None::<fn(&mut _)>,
            |_, _| {
                assert_eq!(twin.read(|pair| pair.0), 7);
                Ok::<_, ()>(add(&twin))
            },
            |_, _| {},
        );
        assert_eq!(inner, Ok(Ok(Err(Reentered))));
    }
}
