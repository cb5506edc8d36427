//! The protocol under `loom`, which tries every order of events that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p pagewright-linux --release --lib ring::model`
//!
//! Waits have no time limit here, so a lost wake-up is a deadlock, which loom reports.

use super::protocol::{Bell, Futex, Line, Progress, Word};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::SeqCst};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

#[derive(Debug)]
struct ModelWord {
    value: AtomicU32,
    sleepers: Mutex<()>,
    woken: Condvar,
}

impl ModelWord {
    fn new() -> ModelWord {
        ModelWord { value: AtomicU32::new(0), sleepers: Mutex::new(()), woken: Condvar::new() }
    }
}

impl Word for ModelWord {
    fn load(&self) -> u32 {
        self.value.load(Acquire)
    }

    fn swap(&self, value: u32) -> u32 {
        self.value.swap(value, SeqCst)
    }

    fn set_bits(&self, bits: u32) -> u32 {
        self.value.fetch_or(bits, SeqCst)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.value.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}

struct ModelFutex;

impl Futex<ModelWord> for ModelFutex {
    fn wait(&self, word: &ModelWord, expected: u32, _nanos: u64) {
        let sleepers = word.sleepers.lock().unwrap();
        // The kernel compares the newest value, in one step with going to sleep.
        if word.value.fetch_or(0, SeqCst) == expected {
            drop(word.woken.wait(sleepers).unwrap());
        }
    }

    fn wake(&self, word: &ModelWord) {
        let _sleepers = word.sleepers.lock().unwrap();
        word.woken.notify_all();
    }
}

/// A ring with `N` slots; a frame is one cell, in which loom sees any access out of turn.
struct Ring<const N: usize> {
    pending: ModelWord,
    sleeping: ModelWord,
    slots: [Slot; N],
}

struct Slot {
    state: ModelWord,
    waiting: ModelWord,
    frame: UnsafeCell<u32>,
}

impl<const N: usize> Ring<N> {
    fn new() -> Arc<Ring<N>> {
        let slots = core::array::from_fn(|_| Slot {
            state: ModelWord::new(),
            waiting: ModelWord::new(),
            frame: UnsafeCell::new(0),
        });
        Arc::new(Ring { pending: ModelWord::new(), sleeping: ModelWord::new(), slots })
    }

    fn bell(&self) -> Bell<'_, ModelWord> {
        Bell { pending: &self.pending, sleeping: &self.sleeping }
    }

    /// What `Client::call` does, without the spinning: the answer, or `None` if refused.
    fn call(&self, number: usize, request: u32) -> Option<u32> {
        let slot = &self.slots[number];
        slot.set(request);
        slot.line().post();
        if !self.bell().ring(number, &ModelFutex) && slot.line().withdraw() {
            return None;
        }
        let answer = match slot.line().sleep(&ModelFutex, 0, || true) {
            Progress::Done => Some(slot.get()),
            Progress::Refused => None,
            Progress::Pending(_) | Progress::Nonsense => unreachable!("nothing else was written"),
        };
        slot.line().clear();
        answer
    }

    /// What `Server::turn` does, without the spinning; how many requests it served.
    fn turn(&self) -> usize {
        let rung = self.bell().take();
        if rung == 0 {
            self.bell().sleep(&ModelFutex, 0);
        }
        let begun = |number: &usize| rung & 1 << number != 0 && self.slots[*number].line().begin();
        (0..N).filter(begun).map(|number| self.slots[number].answer()).count()
    }

    fn close(&self) {
        self.bell().close();
        self.slots.iter().for_each(|slot| slot.line().refuse(&ModelFutex));
    }
}

impl Slot {
    fn line(&self) -> Line<'_, ModelWord> {
        Line { state: &self.state, waiting: &self.waiting }
    }

    fn set(&self, value: u32) {
        // SAFETY: that only the one whose turn it is comes here is what loom checks.
        self.frame.with_mut(|frame| unsafe { *frame = value });
    }

    fn get(&self) -> u32 {
        // SAFETY: as above.
        self.frame.with(|frame| unsafe { *frame })
    }

    fn answer(&self) {
        self.set(self.get() + 100);
        self.line().finish(&ModelFutex);
    }
}

/// One resident and a caller per slot, each calling `calls` times.
fn all_are_served<const N: usize>(calls: u32, preemptions: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let ring = Ring::<N>::new();
        let callers = core::array::from_fn::<_, N, _>(|slot| {
            let ring = ring.clone();
            thread::spawn(move || (0..calls).for_each(|i| assert_eq!(ring.call(slot, i), Some(i + 100))))
        });
        let mut served = 0;
        while served < N * calls as usize {
            served += ring.turn();
        }
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert_eq!(ring.pending.swap(0), 0, "every ring was taken");
    });
}

#[test]
fn a_caller_is_woken_and_sees_the_whole_answer() {
    all_are_served::<1>(1, None);
}

#[test]
fn a_caller_is_woken_every_time() {
    all_are_served::<1>(2, Some(4));
}

#[test]
fn two_callers_are_both_served_once() {
    all_are_served::<2>(1, Some(3));
}

#[test]
fn a_request_that_meets_the_stop_is_served_or_refused_but_never_forgotten() {
    loom::model(|| {
        let ring = Ring::<1>::new();
        let caller = thread::spawn({
            let ring = ring.clone();
            move || ring.call(0, 1)
        });
        let rung = ring.bell().take();
        let served = rung != 0 && ring.slots[0].line().begin();
        if served {
            ring.slots[0].answer();
        }
        ring.close();
        assert_eq!(caller.join().unwrap(), served.then_some(101));
    });
}

#[test]
fn a_request_is_either_withdrawn_or_served() {
    loom::model(|| {
        let ring = Ring::<1>::new();
        let slot = &ring.slots[0];
        slot.set(1);
        slot.line().post();
        ring.bell().ring(0, &ModelFutex);
        let resident = thread::spawn({
            let ring = ring.clone();
            move || {
                let begun = ring.slots[0].line().begin();
                if begun {
                    ring.slots[0].answer();
                }
                begun
            }
        });
        // A caller that gave up, or the one that inherits the slot of a dead one.
        let withdrawn = slot.line().withdraw();
        if withdrawn {
            slot.set(7);
        }
        assert_ne!(withdrawn, resident.join().unwrap());
    });
}
