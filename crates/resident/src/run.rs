//! The life of the resident, from its first instruction to its last.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use pagewright_core::wire::{Answer, Frame, OPERATIONS, encode_result};
use pagewright_linux::machine::{Faults, Freezing, Strategy, WatchWay};
use pagewright_linux::ring::{DataArea, Handler, Identity, Next, Server, State};
use pagewright_linux::sys::{self, Errno, OpenMode};

use crate::guard::Wires;
use crate::heap::Heap;
use crate::legacy::{Abode, Legacy};
use crate::space::Space;

/// The request that makes the resident give back what it holds and park.
pub const STOP: u64 = OPERATIONS + 2;

/// Set in the first argument: commit by `mprotect` even where there are markers.
pub const FORCE_MPROTECT: u64 = 1;

/// Set in the first argument: while memory is moved, hold back only stores of the program's own
/// instructions; or none.
pub const FREEZE_USER: u64 = 4;
/// See [`FREEZE_USER`].
pub const FREEZE_NONE: u64 = 8;

/// Set in the first argument: userfaultfd as on a kernel before 6.7, for guards and watched
/// memory; or none.
pub const FAULTS_PLAIN: u64 = 16;
/// See [`FAULTS_PLAIN`].
pub const FAULTS_NONE: u64 = 32;

/// Set in the first argument: stores to watched memory are to be noted by faults. That cannot be done here, so
/// memory cannot be watched then.
pub const WATCH_FAULTS: u64 = 64;
/// Set in the first argument: they are to be noted by a thread that lets them go on.
pub const WATCH_SYNC: u64 = 128;

/// Set in the first argument: this is a forked child; go on with the map of its parent.
pub const ADOPT: u64 = 2;

/// The name of the thread: how callers find it.
const NAME: &sys::Text = c"pagewright";

/// The name of one that could not start, or panicked, and waits to be taken out.
const FAILED: &sys::Text = c"pagewright-fail";

/// The state word of the ring once there is one, for [`fail`].
static STATE: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

/// Runs the resident. The arguments are those that the injector passed; `region` is
/// the memory that it mapped.
///
/// # Safety
/// Called once, first, on the resident's own stack, with every signal blocked, and
/// with nothing but this thread using `heap` and `legacy`.
pub unsafe fn resident(
    arguments: [u64; 4],
    region: (u64, u64),
    heap: &'static Heap,
    legacy: &'static Legacy,
) -> ! {
    // An inherited word points into the ring of the parent, which is not inherited.
    STATE.store(core::ptr::null_mut(), Ordering::Relaxed);
    // The clone shared the target's descriptor table, so that none of its files was
    // ever held; from here on this thread has an empty one of its own.
    // SAFETY: unshared first, so nobody else's descriptors are closed.
    if unsafe { own_table() }.is_err() {
        fail();
    }
    let Ok(mut server) = Server::create() else { fail() };
    if server.fd() != 0 || sys::set_thread_name(NAME).is_err() {
        fail();
    }
    STATE.store(core::ptr::from_ref(server.state_word()).cast_mut(), Ordering::Relaxed);
    let abode = Abode { region, ring: server.mapping() };
    if arguments[0] & ADOPT == 0 {
        let forced = (arguments[0] & FORCE_MPROTECT != 0).then_some(Strategy::Mprotect);
        let freezing = match arguments[0] & (FREEZE_USER | FREEZE_NONE) {
            FREEZE_USER => Some(Freezing::User),
            FREEZE_NONE => Some(Freezing::None),
            _ => None,
        };
        let faults = match arguments[0] & (FAULTS_PLAIN | FAULTS_NONE) {
            FAULTS_PLAIN => Faults::Plain,
            FAULTS_NONE => Faults::None,
            _ => Faults::Probed,
        };
        let watch = match arguments[0] & (WATCH_FAULTS | WATCH_SYNC) {
            WATCH_FAULTS => Some(WatchWay::Mprotect),
            WATCH_SYNC => Some(WatchWay::Sync),
            _ => None,
        };
        legacy.begin(Space::new(forced, freezing, faults, watch), abode);
    } else if !legacy.adopt(abode) {
        fail();
    }
    legacy.connect(Wires { nudge: server.nudge(), news: NonNull::from(server.news_word()) });
    server.open(Identity { build: [arguments[1], arguments[2]], region });
    server.serve(&mut Service { legacy, heap, overhead: region.1 + abode.ring.1 });
    legacy.end();
    // SAFETY: nothing on the heap is used from here on; the ring is not on it.
    unsafe { heap.give_back() };
    server.set_state(State::Parked);
    park()
}

/// Gives up after a start that did not work, or a panic: says so, keeps what the
/// program may be using, and waits to be taken out.
pub fn fail() -> ! {
    // SAFETY: null, or the state word of a ring that stays mapped while this thread runs.
    if let Some(state) = unsafe { STATE.load(Ordering::Relaxed).as_ref() } {
        state.store(State::Failed as u32, Ordering::Release);
    }
    let _ = sys::set_thread_name(FAILED);
    park()
}

/// Gives this thread an empty descriptor table.
///
/// # Safety
/// The caller expects no descriptor to stay open.
unsafe fn own_table() -> sys::Result<()> {
    // SAFETY: by contract; the flag makes the kernel unshare before it closes.
    match unsafe { sys::close_range(0, u32::MAX, sys::CLOSE_RANGE_UNSHARE) } {
        Err(Errno::ENOSYS | Errno::EINVAL) => {}
        done => return done,
    }
    // Before Linux 5.9: a copy, closed one by one. For that moment the files of the
    // target are held twice.
    // SAFETY: by contract.
    unsafe { sys::unshare_files() }?;
    let limit = sys::descriptor_limit().unwrap_or(1 << 20).min(1 << 20);
    for descriptor in 0..limit {
        // SAFETY: the table is ours alone since the line above.
        drop(unsafe { sys::Fd::from_raw(descriptor as i32) });
    }
    Ok(())
}

/// Waits to be taken out, without a heap.
fn park() -> ! {
    let nobody = AtomicU32::new(0);
    loop {
        let _ = sys::futex_wait(&nobody, 0, sys::Timespec::from_nanos(1_000_000_000));
        end_if_alone();
    }
}

/// What the resident answers.
#[derive(Debug)]
struct Service {
    legacy: &'static Legacy,
    heap: &'static Heap,
    overhead: u64,
}

impl Handler for Service {
    fn serve(&mut self, request: &Frame, data: &mut DataArea<'_>, reply: &mut Frame) -> Next {
        if request[0] == STOP {
            let left = self.legacy.leave().map(|()| Answer::Done);
            *reply = encode_result(&left);
            return if left.is_ok() { Next::Stop } else { Next::Continue };
        }
        *reply = self.legacy.serve(request, data, self.overhead + self.heap.mapped());
        Next::Continue
    }

    fn idle(&mut self) -> Next {
        self.legacy.rest();
        // Nobody is left who could meet a guard; and nobody to be told that one was.
        if are_alone(self.legacy.threads()) && self.legacy.leave().is_ok() {
            end();
        }
        Next::Continue
    }

    fn nudged(&mut self) {
        self.legacy.attend();
    }
}

/// A process ends with its last thread. A program that ends its threads one by one
/// (without libc, which counts them) must not be kept alive by this one.
fn end_if_alone() {
    if are_alone(1) {
        end();
    }
}

/// Whether only `ours` threads of this process are left, and all of them are of the resident.
fn are_alone(ours: u32) -> bool {
    let mut text = [0; 1024];
    let status = sys::open(c"/proc/self/status", OpenMode::Read);
    let Ok(length) = status.and_then(|status| sys::read(status.raw(), &mut text)) else { return false };
    is_alone(&text[..length], ours)
}

fn end() -> ! {
    // SAFETY: nothing waits for this thread. The process ends with it, and what the
    // program's first thread ended with is what its parent must see.
    unsafe { sys::exit_thread(first_exit_code().unwrap_or(0)) }
}

/// The exit code of the first thread, which is a zombie: field 52 of its `stat`.
fn first_exit_code() -> Option<i32> {
    let mut text = [0; 1024];
    let stat = sys::open(c"/proc/self/stat", OpenMode::Read).ok()?;
    let length = sys::read(stat.raw(), &mut text).ok()?;
    exit_code(&text[..length])
}

fn exit_code(stat: &[u8]) -> Option<i32> {
    // The name, field 2, is in parentheses and may hold anything.
    let behind = stat.iter().rposition(|byte| *byte == b')')?;
    let field = stat[behind + 1..].trim_ascii().split(|byte| *byte == b' ').nth(52 - 3)?;
    let status: i32 = core::str::from_utf8(field).ok()?.parse().ok()?;
    Some(status >> 8 & 0xff)
}

/// Whether a process with this `status` has ended but for `ours` threads: its first
/// thread is a zombie, and there are so many more.
fn is_alone(status: &[u8], ours: u32) -> bool {
    let field = |name: &[u8]| {
        let mut lines = status.split(|byte| *byte == b'\n');
        core::str::from_utf8(lines.find_map(|line| line.strip_prefix(name))?.trim_ascii()).ok()
    };
    let threads = field(b"Threads:").and_then(|digits| digits.parse().ok());
    field(b"State:").is_some_and(|state| state.starts_with('Z')) && threads == Some(ours + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_the_last_field() {
        let mut stat = std::string::String::from("12 (a) b)) Z");
        for field in 4..52 {
            stat.push_str(&std::format!(" {field}"));
        }
        assert_eq!(exit_code(std::format!("{stat} 1792\n").as_bytes()), Some(7));
        assert_eq!(exit_code(stat.as_bytes()), None);
    }

    #[test]
    fn only_the_last_thread_beside_a_zombie_is_alone() {
        let dead = |threads| std::format!("Name:\tx\nState:\tZ (zombie)\nThreads:\t{threads}\n");
        assert!(is_alone(dead(2).as_bytes(), 1) && is_alone(dead(3).as_bytes(), 2));
        assert!(!is_alone(dead(3).as_bytes(), 1) && !is_alone(dead(2).as_bytes(), 2));
        assert!(!is_alone(b"Name:\tx\nState:\tS (sleeping)\nThreads:\t2\n", 1));
        assert!(!is_alone(b"", 1));
    }
}
