//! Guards that are met by waiting, on the machine alone: what a page keeps, whatever it is.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use pagewright_core::{Access, Geometry, Machine, PageRange, Refusal};
use pagewright_linux::machine::{Choice, Faults, Guarding, Linux, MapsFile, Strategy, scattered_geometry};
use pagewright_linux::sys;

const PAGE: u64 = 4096;
const RW: Access = Access::READ.union(Access::WRITE);
const RWX: Access = RW.union(Access::EXECUTE);

// System calls by number: this crate has no libc.
const PAUSE: u32 = 34;
const FORK: u32 = 57;
const WAIT: u32 = 61;
const KILL: u32 = 62;

fn call(number: u32, args: [usize; 6]) -> usize {
    // SAFETY: calls about processes, without an address; a child only makes more of them.
    unsafe { sys::syscall(number, args) }.unwrap_or(0)
}

/// A machine that opens guards as they are met, and a region of it.
struct World {
    machine: Arc<Mutex<Linux>>,
    region: PageRange,
    met: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl World {
    fn new(strategy: Strategy, faults: Faults, pages: u64, access: Access) -> Option<Self> {
        let geometry: Geometry = scattered_geometry();
        let mut machine = Linux::with(geometry, MapsFile::OnDemand, Choice::forced(strategy));
        machine.set_faults(faults);
        machine.set_guarding(Guarding::Userfault);
        let Ok(messages) = machine.open_messages() else {
            println!("skipped: no userfaultfd here");
            return None;
        };
        let region = (0..64).find_map(|place| {
            let start = geometry.search_from + (place << 24);
            let range = PageRange::between(start, start + pages * PAGE)?;
            machine.reserve(range, Some(access)).ok().map(|()| range)
        });
        let mut world = Self {
            machine: Arc::new(Mutex::new(machine)),
            region: region.expect("a place"),
            met: Arc::default(),
            stop: Arc::default(),
            reader: None,
        };
        world.reader = Some(world.serve(messages, access.unguarded()));
        Some(world)
    }

    /// A thread that gives every page that is met this access.
    fn serve(&self, messages: i32, access: Access) -> std::thread::JoinHandle<()> {
        let (machine, met, stop) = (self.machine.clone(), self.met.clone(), self.stop.clone());
        let region = self.region;
        std::thread::spawn(move || {
            while !stop.load(SeqCst) {
                let Ok(Some(fault)) = sys::userfault_read(messages) else {
                    sys::sched_yield();
                    continue;
                };
                let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
                if machine.is_posted(fault.at) {
                    met.lock().unwrap_or_else(PoisonError::into_inner).push(fault.at);
                    let start = fault.at & !(PAGE - 1);
                    let page = PageRange::between(start, start + PAGE).expect("a page");
                    machine.hold_waiters();
                    machine.protect(region, page, access).expect("no reason to refuse");
                    machine.release_at_once();
                }
                machine.let_go_on(fault.at).expect("memory");
                machine.dismiss(&fault);
            }
        })
    }

    fn at(&self, page: u64) -> u64 {
        self.region.start().get() + page * PAGE
    }

    fn pages(&self, first: u64, count: u64) -> PageRange {
        PageRange::between(self.at(first), self.at(first + count)).expect("not empty")
    }

    fn with<T>(&self, call: impl FnOnce(&mut Linux, PageRange) -> T) -> T {
        call(&mut self.machine.lock().unwrap_or_else(PoisonError::into_inner), self.region)
    }

    fn arm(&self, first: u64, count: u64, access: Access) -> Result<(), Refusal> {
        let range = self.pages(first, count);
        self.with(|machine, region| machine.protect(region, range, access | Access::GUARD))
    }

    fn load(&self, page: u64) -> u64 {
        // SAFETY: a page of the region; whoever meets its guard waits for the reader.
        unsafe { (self.at(page) as *const u64).read_volatile() }
    }

    fn store(&self, page: u64, value: u64) {
        // SAFETY: as above.
        unsafe { (self.at(page) as *mut u64).write_volatile(value) }
    }

    fn met(&self) -> Vec<u64> {
        let met = std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner));
        met.into_iter().map(|at| (at - self.at(0)) / PAGE).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.with(|machine, region| machine.release(region, region).expect("ours"));
        self.stop.store(true, SeqCst);
        let ended = self.reader.take().map(std::thread::JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("it was started").expect("no panic");
        }
    }
}

/// Every way there is here, with pages of this access.
fn everywhere(pages: u64, access: Access, test: impl Fn(&World)) {
    for strategy in [Strategy::Markers, Strategy::Mprotect] {
        for faults in [Faults::Probed, Faults::Plain] {
            if let Some(world) = World::new(strategy, faults, pages, access) {
                test(&world);
            }
        }
    }
}

#[test]
fn what_was_stored_is_kept_whatever_a_page_may_be_used_for() {
    for access in [RW, RWX] {
        everywhere(4, access, |world| {
            world.store(1, 7);
            world.load(2);
            world.arm(0, 4, access).expect("armed");
            assert_eq!([0, 1, 2].map(|page| world.load(page)), [0, 7, 0], "{access:?}");
            world.store(3, 9);
            assert_eq!(world.met(), [0, 1, 2, 3]);
            assert_eq!((world.load(1), world.load(3)), (7, 9));
            assert_eq!(world.met(), []);
        });
    }
}

#[test]
fn pages_that_may_not_be_stored_to_are_kept_too() {
    everywhere(2, RW, |world| {
        world.store(0, 5);
        let page = world.pages(0, 1);
        world.with(|machine, region| machine.protect(region, page, Access::READ)).expect("ours");
        world.arm(0, 1, Access::READ).expect("armed");
        assert_eq!(world.load(0), 5);
        assert_eq!(world.met(), [0]);
        // Armed for stores, made one for loads while it stands: met once, and kept.
        world.store(0, 6);
        world.arm(0, 1, RW).expect("armed");
        world.arm(0, 1, Access::READ).expect("armed");
        assert_eq!(world.load(0), 6);
        assert_eq!(world.met(), [0]);
    });
}

#[test]
fn wired_pages_are_kept_and_wired_again() {
    everywhere(1, RW, |world| {
        world.store(0, 3);
        let page = world.pages(0, 1);
        if let Err(refused) = world.with(|machine, _| machine.wire(page)) {
            return println!("skipped: nothing can be wired: {refused:?}");
        }
        world.arm(0, 1, RW).expect("armed");
        assert_eq!(world.load(0), 3);
        assert_eq!(world.met(), [0]);
        world.with(|machine, _| machine.unwire(page)).expect("wired");
    });
}

#[test]
fn pages_that_a_forked_child_shares_are_kept() {
    everywhere(2, RW, |world| {
        world.store(0, 8);
        let child = call(FORK, [0; 6]);
        if child == 0 {
            loop {
                call(PAUSE, [0; 6]);
            }
        }
        world.arm(0, 2, RW).expect("armed");
        assert_eq!((world.load(0), world.load(1)), (8, 0));
        assert_eq!(world.met(), [0, 1]);
        call(KILL, [child, 9, 0, 0, 0, 0]);
        call(WAIT, [child, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn armed_pages_that_are_decommitted_are_fresh_when_committed_again() {
    everywhere(3, RW, |world| {
        (0..3).for_each(|page| world.store(page, page + 1));
        world.arm(0, 3, RW).expect("armed");
        let page = world.pages(1, 1);
        world.with(|machine, region| machine.decommit(region, page)).expect("ours");
        world.with(|machine, region| machine.commit(region, page, RW)).expect("ours");
        assert_eq!([0, 1, 2].map(|page| world.load(page)), [1, 0, 3]);
        assert_eq!(world.met(), [0, 2]);
        // Committed with a guard: met, and fresh.
        world.with(|machine, region| machine.decommit(region, page)).expect("ours");
        world.with(|machine, region| machine.commit(region, page, RW | Access::GUARD)).expect("ours");
        assert_eq!(world.load(1), 0);
        assert_eq!(world.met(), [1]);
    });
}

#[test]
fn pages_that_the_kernel_has_joined_are_kept() {
    const PAGES: u64 = 3 * 512;
    everywhere(PAGES, RW, |world| {
        // SAFETY: advice about our own region, which may be refused.
        let _ = unsafe { sys::madvise(world.at(0) as usize, (PAGES * PAGE) as usize, sys::Advice::HugePage) };
        (0..PAGES).for_each(|page| world.store(page, page + 1));
        for (first, count) in [(600, 3), (0, PAGES)] {
            world.arm(first, count, RW).expect("armed");
            for page in [first, first + count / 2, first + count - 1] {
                assert_eq!(world.load(page), page + 1);
            }
            assert_eq!(world.met().len(), 3);
        }
        world.with(|machine, _| machine.dissolve()).expect("memory");
        assert!((0..PAGES).all(|page| world.load(page) == page + 1));
    });
}

#[test]
fn dissolving_opens_everything_and_loses_nothing() {
    everywhere(3, RW, |world| {
        world.store(2, 4);
        world.arm(0, 3, RW).expect("armed");
        world.with(|machine, _| machine.dissolve()).expect("memory");
        assert_eq!([0, 1, 2].map(|page| world.load(page)), [0, 0, 4]);
        assert_eq!(world.met(), []);
        assert!(world.with(|machine, _| !machine.has_sentries()));
    });
}

#[test]
fn without_userfaultfd_nothing_is_changed() {
    let geometry = scattered_geometry();
    let mut machine = Linux::with(geometry, MapsFile::OnDemand, Choice::probe());
    machine.set_faults(Faults::None);
    machine.set_guarding(Guarding::Userfault);
    let start = geometry.search_from + (100 << 24);
    let region = PageRange::between(start, start + 2 * PAGE).expect("not empty");
    assert_eq!(machine.reserve(region, Some(RW | Access::GUARD)), Err(Refusal::Unsupported));
    machine.reserve(region, Some(RW)).expect("nothing is there");
    assert_eq!(machine.protect(region, region, RW | Access::GUARD), Err(Refusal::Unsupported));
    // SAFETY: reserved above.
    assert_eq!(unsafe { (start as *const u64).read_volatile() }, 0);
    machine.release(region, region).expect("ours");
}
