//! Large pages.

use std::fs::File;
use std::os::fd::AsRawFd;

use pagewright::{
    Alias, Allocate, Consent, Disposal, Fate, Free, Kind, Lock, Memory, Onto, PageKind, Place, Process,
    Protect, Protection, Recycle, Traits, Window, Wiring,
};

use super::{PAGE, RW, get, is_committed, put, release};

pub(crate) const UNIT: u64 = 2 << 20;
pub(crate) const LARGE: Traits = Traits { pages: PageKind::Large, ..Traits::PLAIN };

const POOL: &str = "/proc/sys/vm/nr_hugepages";

/// Large pages that were added to the pool of the machine, which are taken away again. Test programs that do so wait
/// for each other.
pub(crate) struct Pool {
    before: String,
    _turn: File,
}

impl Pool {
    /// With `pages` free ones more than nobody has.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(crate) fn with(pages: u64) -> Result<Self, String> {
        let path = std::env::temp_dir().join("pagewright-test-large-pages");
        let turn = File::create(path).map_err(|error| format!("there is no lock file ({error})"))?;
        // SAFETY: waits for a lock of a file that is open.
        unsafe { libc::flock(turn.as_raw_fd(), libc::LOCK_EX) };
        let before =
            std::fs::read_to_string(POOL).map_err(|error| format!("{POOL} cannot be read ({error})"))?;
        let pool = Self { before, _turn: turn };
        let count: u64 = pool.before.trim().parse().map_err(|_| format!("{POOL} is no number"))?;
        std::fs::write(POOL, (count + pages).to_string())
            .map_err(|error| format!("{POOL} cannot be written ({error})"))?;
        if free() >= pages {
            Ok(pool)
        } else {
            Err(format!("the machine has no {pages} large pages to give"))
        }
    }

    /// All that are free, taken away again.
    pub(crate) fn without() -> Result<Self, String> {
        let pool = Self::with(0)?;
        std::fs::write(POOL, "0").map_err(|error| format!("{POOL} cannot be written ({error})"))?;
        if free() == 0 { Ok(pool) } else { Err("others hold large pages free".to_owned()) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = std::fs::write(POOL, &self.before);
    }
}

/// How many large pages nobody has, or was promised.
pub(crate) fn free() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("/proc is mounted");
    let field = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.trim().parse().unwrap_or(0)
    };
    field("HugePages_Free:").saturating_sub(field("HugePages_Rsvd:"))
}

/// Everything, with large pages or, where the machine has none to give, with what can be said without.
pub(crate) fn everything(process: &Process) -> Result<(), String> {
    nonsense_is_refused(process);
    let pool = Pool::without()?;
    let none = process.allocate(&Allocate::new(UNIT).of(LARGE)).map_err(|error| error.kind());
    assert_eq!(none, Err(Kind::NoLargePages), "none are free");
    drop(pool);
    let _pool = Pool::with(6)?;
    large_pages_are_there_at_once(process);
    large_pages_are_as_they_are(process);
    places_are_whole_pages(process);
    let before = free();
    let most = Allocate::new((before + 1) * UNIT).of(LARGE);
    let more = process.allocate(&most).map_err(|error| error.kind());
    assert_eq!(more, Err(Kind::NoLargePages));
    assert_eq!(free(), before, "nothing is left of it");
    Ok(())
}

/// What does not need any large page.
fn nonsense_is_refused(process: &Process) {
    let refused = |request: &Allocate| process.allocate(request).map_err(|error| error.kind());
    for size in [1, UNIT - 1, UNIT + PAGE] {
        assert_eq!(refused(&Allocate::new(size).of(LARGE)), Err(Kind::Misaligned), "LP03");
    }
    let odd = Allocate::new(UNIT).of(LARGE).at(0x5000_0001_0000);
    assert_eq!(refused(&odd), Err(Kind::Misaligned), "LP04");
    assert_eq!(refused(&Allocate::new(UNIT).of(LARGE).reserve()), Err(Kind::BadFlags), "LP05");
    for protection in [Protection::READ, Protection::READ_EXECUTE, RW.guarded(), Protection::NONE] {
        let wrong = Allocate::new(UNIT).of(LARGE).protection(protection);
        assert_eq!(refused(&wrong), Err(Kind::BadProtection));
    }
}

fn large_pages_are_there_at_once(process: &Process) {
    let before = free();
    let range =
        process.allocate(&Allocate::new(2 * UNIT).of(LARGE)).unwrap_or_else(|error| panic!("{error}"));
    let base = range.start().get();
    assert_eq!((base % UNIT, range.bytes()), (0, 2 * UNIT));
    assert_eq!(free(), before - 2);
    let info = process.query(base + UNIT).expect("a user address");
    assert_eq!(process.query(base).expect("a user address").size, 2 * UNIT);
    assert_eq!(info.size, UNIT);
    is_committed(process, base, RW);
    assert_eq!(get(process, base + 2 * UNIT - 8, 8), [0; 8]);
    put(process, base, b"first");
    put(process, base + 2 * UNIT - 4, b"last");
    assert_eq!(get(process, base, 5), b"first");
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps", process.pid())).expect("it lives");
    let own = smaps.split(&format!("{base:x}-")).nth(1).expect("a mapping of its own");
    let size = own.lines().find(|line| line.starts_with("KernelPageSize:")).expect("a field");
    assert!(size.contains("2048 kB"), "{size}");
    release(process, base);
    assert_eq!(free(), before);
}

fn large_pages_are_as_they_are(process: &Process) {
    let base = process.allocate(&Allocate::new(2 * UNIT).of(LARGE)).expect("they fit").start().get();
    put(process, base, b"stays");
    let kind = |error: pagewright::Error| error.kind();
    let protect = Protect { at: base, size: PAGE, protection: Protection::READ };
    assert_eq!(process.protect(&protect).map_err(kind), Err(Kind::Fixed), "LP07");
    let commit = Allocate::new(2 * UNIT).commit().at(base);
    assert_eq!(process.allocate(&commit).map_err(kind), Err(Kind::Fixed), "LP07");
    for size in [PAGE, UNIT, 2 * UNIT] {
        assert_eq!(process.free(&Free::decommit(base, size)).map_err(kind), Err(Kind::Fixed), "LP07");
    }
    let part = Free { at: base, size: UNIT, disposal: Disposal::Release };
    assert_eq!(process.free(&part).map_err(kind), Err(Kind::Fixed));
    let lock = Lock { at: base, size: PAGE, wiring: Wiring::Wired, quota: None };
    assert_eq!(process.lock(&lock).map_err(kind), Err(Kind::Fixed), "LP09");
    let reset = Recycle { at: base, size: PAGE, fate: Fate::Reset };
    assert_eq!(process.recycle(&reset).map_err(kind), Err(Kind::Fixed));
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source: base, size: PAGE, onto, protection: RW, consent: Consent::OwnOnly };
    assert_eq!(process.alias(&alias).map_err(kind), Err(Kind::Fixed));
    assert_eq!(get(process, base, 5), b"stays");
    is_committed(process, base, RW);
    release(process, base);
}

fn places_are_whole_pages(process: &Process) {
    let somewhere = process.allocate(&Allocate::new(2 * UNIT).reserve()).expect("there is room");
    let at = somewhere.start().get().next_multiple_of(UNIT);
    release(process, somewhere.start().get());
    let exact = process.allocate(&Allocate::new(UNIT).of(LARGE).at(at)).expect("it was free a moment ago");
    assert_eq!(exact.start().get(), at);
    let again = process.allocate(&Allocate::new(UNIT).of(LARGE).at(at)).map_err(|error| error.kind());
    assert_eq!(again, Err(Kind::Conflict));
    release(process, at);
    let high = process.allocate(&Allocate::new(UNIT).of(LARGE).top_down()).expect("there is room");
    assert_eq!(high.start().get() % UNIT, 0);
    release(process, high.start().get());
}
