//! Calls that Linux does not restart after a stop.
//!
//! Most sleeping calls come back by themselves when the kernel finds their registers restored.
//! These return `EINTR` instead, which their program would never see in a quiet life (see
//! signal(7), "Interruption of system calls ... by stop signals"). They are issued again, with the
//! time that is left.
//!
//! Runs in the guardian: no allocation, no panic.

use super::sys::{self, Regs};

const SECOND: u64 = 1_000_000_000;
/// Below the red zone of the thread's stack: dead memory by the ABI. A signal handler may use it,
/// but one that runs also ends the call, so what stands there lasts as long as the call, and a
/// later visit finds it.
const BELOW_RED_ZONE: u64 = 128 + 64;

/// A sleep that was under way before the halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) nr: u64,
    pub(super) args: [u64; 6],
    /// When it fell asleep, on our `CLOCK_MONOTONIC`; `None`: not known.
    pub(super) since: Option<u64>,
}

/// Where a call keeps the time that it is willing to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timeout {
    /// It waits for ever.
    None,
    /// Milliseconds in the fourth argument.
    Millis,
    /// A pointer to a `timespec`, in this argument.
    Timespec(usize),
    /// A pointer to a `timeval`, in this argument.
    Timeval(usize),
    /// An option of the socket in the first argument.
    Socket(i32),
    /// A `struct io_uring_getevents_arg` in the fifth argument, if a flag in the fourth says so.
    Uring,
}

/// How to issue a call again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    /// The thread's registers, standing before the `syscall` instruction.
    pub(super) regs: Regs,
    loan: Option<Loan>,
}

/// A socket whose timeout is shortened until the call sleeps again.
#[derive(Debug, Clone, Copy)]
struct Loan {
    fd: u64,
    option: i32,
    original: [u64; 2],
    nr: u64,
}

/// Whether Linux may answer this call with `EINTR` after a stop without a signal.
pub(super) fn is_fragile(nr: u64) -> bool {
    timeout_of(nr).is_some()
}

/// Whether it surely does, so that another thread is the better choice. (A `read` does only on a
/// socket with a timeout.)
pub(super) fn is_always_fragile(nr: u64) -> bool {
    !matches!(timeout_of(nr), None | Some(Timeout::Socket(_) | Timeout::Timeval(_)))
        && nr != PPOLL
        && nr != PSELECT6
}

const PPOLL: u64 = libc::SYS_ppoll as u64;
const PSELECT6: u64 = libc::SYS_pselect6 as u64;

fn timeout_of(nr: u64) -> Option<Timeout> {
    Some(match nr.cast_signed() {
        libc::SYS_epoll_wait | libc::SYS_epoll_pwait => Timeout::Millis,
        libc::SYS_epoll_pwait2 | libc::SYS_semtimedop => Timeout::Timespec(3),
        libc::SYS_semop => Timeout::None,
        libc::SYS_rt_sigtimedwait => Timeout::Timespec(2),
        libc::SYS_io_getevents => Timeout::Timespec(4),
        libc::SYS_io_uring_enter => Timeout::Uring,
        // These two restart, unless they cannot write the time left to where the program keeps its
        // constant.
        libc::SYS_ppoll => Timeout::Timespec(2),
        libc::SYS_pselect6 => Timeout::Timespec(4),
        libc::SYS_select => Timeout::Timeval(4),
        libc::SYS_read
        | libc::SYS_readv
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg
        | libc::SYS_accept
        | libc::SYS_accept4 => Timeout::Socket(libc::SO_RCVTIMEO),
        libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_connect => Timeout::Socket(libc::SO_SNDTIMEO),
        _restarts => return None,
    })
}

/// Looks at a thread that was interrupted with these registers; says how to issue its call again,
/// if that is needed.
pub(super) fn prepare(tid: i32, pidfd: i32, regs: &Regs, blocked: Option<&Blocked>) -> Option<Again> {
    let timeout = timeout_of(regs.orig_rax).filter(|_| regs.rax.cast_signed() == -i64::from(libc::EINTR))?;
    let rip = regs.rip.wrapping_sub(2);
    // A call by `int 0x80` numbers its calls differently and is left alone.
    let mut code = [0u8; 2];
    if sys::peek(tid, rip, &mut code) != Ok(2) || code != sys::SYSCALL {
        return None;
    }
    let mut again = Again { regs: Regs { rax: regs.orig_rax, orig_rax: u64::MAX, rip, ..*regs }, loan: None };
    // Time is only taken off a sleep that we know to be the same one.
    let since = blocked.filter(|b| b.nr == regs.orig_rax && b.args == arguments(regs)).and_then(|b| b.since);
    let scratch = regs.rsp.wrapping_sub(BELOW_RED_ZONE) & !15;
    if let Some(since) = since {
        again.shorten(timeout, sys::now().saturating_sub(since), Ground { tid, pidfd, scratch });
    }
    Some(again)
}

/// What a shortened timeout may be written with.
#[derive(Clone, Copy)]
struct Ground {
    tid: i32,
    pidfd: i32,
    scratch: u64,
}

impl Again {
    /// Takes `elapsed` nanoseconds off the call's timeout. Where that cannot be done the call waits
    /// its full time.
    fn shorten(&mut self, timeout: Timeout, elapsed: u64, ground: Ground) {
        match timeout {
            Timeout::None => {}
            Timeout::Millis => self.regs.r10 = millis_left(self.regs.r10, elapsed),
            Timeout::Timespec(argument) => self.shorten_struct(argument, 1, elapsed, ground),
            Timeout::Timeval(argument) => self.shorten_struct(argument, 1000, elapsed, ground),
            Timeout::Socket(option) => self.shorten_socket(option, elapsed, ground.pidfd),
            Timeout::Uring => self.shorten_uring(elapsed, ground),
        }
    }

    /// A pair of seconds and a fraction counted in `unit` nanoseconds, behind a pointer. The copy
    /// with the time left stands below the stack; the kernel reads it at the start of the call. The
    /// program's own may be a constant.
    fn shorten_struct(&mut self, argument: usize, unit: u64, elapsed: u64, ground: Ground) {
        let pointer = *argument_mut(&mut self.regs, argument);
        if let Some(copy) = ground.copy_pair(pointer, unit, elapsed) {
            *argument_mut(&mut self.regs, argument) = copy;
        }
    }

    fn shorten_socket(&mut self, option: i32, elapsed: u64, pidfd: i32) {
        let Ok(fd) = sys::borrow_fd(pidfd, self.regs.rdi) else { return };
        let original = sys::socket_timeout(fd, option).unwrap_or_default();
        // Zero means for ever, and is also what a descriptor that is no socket gets here.
        if original == [0, 0] {
            return sys::close(fd);
        }
        match sys::set_socket_timeout(fd, option, pair_left(original, 1000, elapsed)) {
            Ok(()) => self.loan = Some(Loan { fd, option, original, nr: self.regs.rax }),
            Err(_) => sys::close(fd),
        }
    }

    fn shorten_uring(&mut self, elapsed: u64, ground: Ground) {
        const EXT_ARG: u64 = 1 << 3;
        const ABSOLUTE: u64 = 1 << 5;
        const REGISTERED: u64 = 1 << 6;
        if self.regs.r10 & (EXT_ARG | ABSOLUTE | REGISTERED) != EXT_ARG {
            return;
        }
        let mut argument = [0u64; 3];
        if ground.read_words(self.regs.r8, &mut argument).is_none() {
            return;
        }
        let Some(copy) = ground.copy_pair(argument[2], 1, elapsed) else { return };
        argument[2] = copy;
        let at = ground.scratch.wrapping_add(16);
        if ground.write_words(at, &argument).is_some() {
            self.regs.r8 = at;
        }
    }

    /// Gives a shortened socket its own timeout back, once the thread sleeps again: a call reads it
    /// at its start.
    pub(super) fn settle(&self, proc: i32, call_file: &[u8]) {
        const LIMIT: u64 = 50_000_000;
        // A thread that is being woken, and has not run yet, looks like one that sleeps in
        // its call. So it must be found asleep for a while.
        const IN_A_ROW: u32 = 20;
        let Some(loan) = self.loan else { return };
        let limit = sys::now().wrapping_add(LIMIT);
        let mut asleep = 0;
        while sys::now() < limit && asleep < IN_A_ROW {
            asleep = if sleeps_in(loan.nr, proc, call_file) { asleep + 1 } else { 0 };
            sys::nap(100_000);
        }
        let _ = sys::set_socket_timeout(loan.fd, loan.option, loan.original);
        sys::close(loan.fd);
    }
}

impl Ground {
    fn copy_pair(self, pointer: u64, unit: u64, elapsed: u64) -> Option<u64> {
        let mut pair = [0u64; 2];
        // No pointer: for ever.
        self.read_words(pointer, &mut pair).filter(|()| pointer != 0)?;
        self.write_words(self.scratch, &pair_left(pair, unit, elapsed))?;
        Some(self.scratch)
    }

    fn read_words<const N: usize>(self, at: u64, words: &mut [u64; N]) -> Option<()> {
        let bytes = object::pod::bytes_of_slice_mut(words);
        let wanted = bytes.len() as u64;
        sys::peek(self.tid, at, bytes).ok().filter(|got| *got == wanted).map(drop)
    }

    fn write_words<const N: usize>(self, at: u64, words: &[u64; N]) -> Option<()> {
        const { assert!(16 + 8 * N <= 64, "there is room for one pair and one structure") };
        sys::poke(self.tid, at, object::pod::bytes_of_slice(words)).ok()
    }
}

/// Milliseconds as `epoll_wait` takes them: an `int`, negative for ever.
fn millis_left(total: u64, elapsed: u64) -> u64 {
    match total as i32 {
        forever @ ..0 => i64::from(forever).cast_unsigned(),
        total => (total.cast_unsigned() as u64).saturating_sub(elapsed / 1_000_000),
    }
}

/// Seconds and a fraction in `unit` nanoseconds, less `elapsed`; at least one unit, as zero often
/// means for ever.
fn pair_left(total: [u64; 2], unit: u64, elapsed: u64) -> [u64; 2] {
    let nanos = total[0].saturating_mul(SECOND).saturating_add(total[1].saturating_mul(unit));
    let left = nanos.saturating_sub(elapsed).max(unit);
    [left / SECOND, (left % SECOND).checked_div(unit).unwrap_or(0)]
}

fn arguments(regs: &Regs) -> [u64; 6] {
    [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9]
}

fn argument_mut(regs: &mut Regs, index: usize) -> &mut u64 {
    match index {
        0 => &mut regs.rdi,
        1 => &mut regs.rsi,
        2 => &mut regs.rdx,
        3 => &mut regs.r10,
        4 => &mut regs.r8,
        _last => &mut regs.r9,
    }
}

/// Whether the thread sleeps in call `nr`: its `syscall` file then starts with that number, else
/// with a word.
fn sleeps_in(nr: u64, proc: i32, call_file: &[u8]) -> bool {
    let mut text = [0u8; 16];
    let got = sys::read_at(proc, call_file, &mut text).unwrap_or(0) as usize;
    let digits = text.get(..got).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit());
    let number = digits.fold(None, |n: Option<u64>, d| {
        Some(n.unwrap_or(0).wrapping_mul(10).wrapping_add(u64::from(d.wrapping_sub(b'0'))))
    });
    number == Some(nr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_total_less_elapsed_and_never_turns_into_for_ever() {
        assert_eq!(millis_left(2000, 500_000_000), 1500);
        assert_eq!(millis_left(2000, 5_000_000_000), 0);
        assert_eq!(millis_left(u64::from(u32::MAX), 5), u64::MAX);
        assert_eq!(pair_left([2, 5], 1, 1_000_000_000), [1, 5]);
        assert_eq!(pair_left([2, 0], 1000, 9 * SECOND), [0, 1]);
        assert_eq!(pair_left([1, 500_000], 1000, SECOND), [0, 500_000]);
    }
}
