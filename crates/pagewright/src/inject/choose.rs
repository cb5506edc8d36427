//! Which thread to halt: the one that notices least.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::target::{Target, status_field};

use super::error::{Forbidden, Reason};
use super::restart::{self, Blocked};
use super::sys;

/// How many threads are looked at. The first good one ends the search.
const LOOK_AT: usize = 64;

/// A thread that may be halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) tid: i32,
    pub(super) rank: Rank,
    /// Whether it has a seccomp filter.
    pub(super) filtered: bool,
    pub(super) blocked: Option<Blocked>,
}

/// How much a thread minds, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Sleeps in a call that Linux restarts by itself.
    Restarts,
    /// Runs.
    Runs,
    /// Sleeps in a transfer: may come back with a part of it, as after any stop.
    Transfers,
    /// Sleeps in a call that must be issued again.
    Fragile,
    /// Cannot be interrupted now.
    Uninterruptible,
}

/// The threads to try, best first; or why there is none.
pub(super) fn candidates(target: &Target) -> Result<Vec<Candidate>, Reason> {
    let threads = target.threads().map_err(|_| Reason::Died)?;
    let mut found = Vec::new();
    let mut refused = None;
    for tid in threads.into_iter().take(LOOK_AT) {
        match look(target, tid) {
            Ok(Some(candidate)) => {
                found.push(candidate);
                if candidate.rank == Rank::Restarts && !candidate.filtered {
                    break;
                }
            }
            Ok(None) => {}
            Err(reason) => refused = Some(reason),
        }
    }
    // A thread without a filter is worth more than one at rest: the new thread inherits the filter.
    found.sort_by_key(|c: &Candidate| (c.rank == Rank::Uninterruptible, c.filtered, c.rank));
    if found.is_empty() { Err(refused.unwrap_or(Reason::Died)) } else { Ok(found) }
}

/// One thread; `None` if it has ended.
fn look(target: &Target, tid: i32) -> Result<Option<Candidate>, Reason> {
    let Ok(status) = target.read(&format!("task/{tid}/status")) else { return Ok(None) };
    let number = |name| status_field(&status, name).and_then(|v| v.parse::<i32>().ok()).unwrap_or(0);
    let state = status_field(&status, "State").and_then(|s| s.bytes().next()).unwrap_or(b'X');
    match (state, number("TracerPid"), number("Seccomp")) {
        (b'Z' | b'X' | b'x', _, _) => return Ok(None),
        (_, by @ 1.., _) => return Err(Reason::Traced { by }),
        (_, _, 1) => return Err(Reason::Seccomp(Forbidden::Strict)),
        _usable => {}
    }
    let call = target.read(&format!("task/{tid}/syscall")).unwrap_or_default();
    let mut blocked = parse_call(&call);
    let rank = rank(state, blocked.as_ref());
    if let Some(blocked) = blocked.as_mut().filter(|b| restart::is_fragile(b.nr)) {
        blocked.since = asleep_since(target, tid);
    }
    Ok(Some(Candidate { tid, rank, filtered: number("Seccomp") != 0, blocked }))
}

fn rank(state: u8, blocked: Option<&Blocked>) -> Rank {
    match (state, blocked) {
        (b'D', _) => Rank::Uninterruptible,
        (_, None) => Rank::Runs,
        (_, Some(call)) if restart::is_always_fragile(call.nr) => Rank::Fragile,
        (_, Some(call)) if is_transfer(call.nr) => Rank::Transfers,
        (_, Some(_)) => Rank::Restarts,
    }
}

/// Calls that give up half-way with what they have done so far, and calls on sockets, which may
/// have a timeout.
fn is_transfer(nr: u64) -> bool {
    matches!(
        nr.cast_signed(),
        libc::SYS_write
            | libc::SYS_writev
            | libc::SYS_sendfile
            | libc::SYS_splice
            | libc::SYS_vmsplice
            | libc::SYS_copy_file_range
            | libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_sendmmsg
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_recvmmsg
            | libc::SYS_connect
    )
}

/// Reads a `syscall` file: the number, six arguments, stack and program counter; or `running`; or
/// -1 outside a call.
fn parse_call(text: &str) -> Option<Blocked> {
    let mut words = text.split_whitespace();
    let nr = words.next()?.parse().ok()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(Blocked { nr, args, since: None })
}

/// When the thread fell asleep. The scheduler notes when it last put a thread on a processor or
/// took it off, on that processor's own clock, which we see through our own entry when we run
/// there. (The timer list would be exact but shows no owners.) That clock stands still while a
/// hypervisor or an interrupt takes the processor away, so the answer is rather too late than too
/// early.
fn asleep_since(target: &Target, tid: i32) -> Option<u64> {
    let theirs = exec_start(&target.read(&format!("task/{tid}/sched")).ok()?)?;
    let stat = target.read(&format!("task/{tid}/stat")).ok()?;
    // The 39th field; the name, which may hold anything, ends before the third.
    let processor = stat.rsplit_once(')')?.1.split_whitespace().nth(36)?.parse().ok()?;
    let ours = exec_start(&own_sched_on(processor)?)?;
    Some(sys::now().saturating_sub(ours.checked_sub(theirs)?))
}

/// This thread's `sched` file, read on that processor.
fn own_sched_on(processor: usize) -> Option<String> {
    let usual = sched_getaffinity(None).ok()?;
    let mut there = CpuSet::new();
    (processor < CpuSet::MAX_CPU).then(|| there.set(processor))?;
    sched_setaffinity(None, &there).ok()?;
    // The note is only fresh after having been off the processor for a moment.
    sys::nap(1);
    let text = std::fs::read_to_string("/proc/thread-self/sched").ok();
    let _ = sched_setaffinity(None, &usual);
    text
}

/// `se.exec_start : milliseconds.nanoseconds`, in nanoseconds.
fn exec_start(sched: &str) -> Option<u64> {
    let line = sched.lines().find(|l| l.starts_with("se.exec_start"))?;
    let (whole, fraction) = line.rsplit_once(':')?.1.trim().split_once('.')?;
    Some(whole.parse::<u64>().ok()? * 1_000_000 + fraction.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_thread_are_read_as_the_kernel_writes_them() {
        let call = parse_call("232 0x4 0x7f0 0x2 0x7d0 0x0 0x8 0x7ffd 0x7f12\n");
        assert_eq!(call, Some(Blocked { nr: 232, args: [4, 0x7f0, 2, 0x7d0, 0, 8], since: None }));
        assert_eq!(parse_call("running\n"), None);
        assert_eq!(parse_call("-1 0x7ffd 0x7f12\n"), None);
        assert_eq!(exec_start("x\nse.exec_start    :    1163618.506324\n"), Some(1_163_618_506_324));
        assert_eq!(exec_start("se.vruntime : 1.2\n"), None);
    }

    #[test]
    fn a_thread_that_restarts_by_itself_comes_first() {
        let in_call = |nr: i64| Some(Blocked { nr: nr as u64, args: [0; 6], since: None });
        assert_eq!(rank(b'S', in_call(libc::SYS_futex).as_ref()), Rank::Restarts);
        assert_eq!(rank(b'S', in_call(libc::SYS_epoll_wait).as_ref()), Rank::Fragile);
        assert_eq!(rank(b'S', in_call(libc::SYS_write).as_ref()), Rank::Transfers);
        assert_eq!(rank(b'R', None), Rank::Runs);
        assert_eq!(rank(b'D', in_call(libc::SYS_futex).as_ref()), Rank::Uninterruptible);
    }
}
