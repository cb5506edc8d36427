//! What the target's seccomp filter thinks of the calls that the resident makes.
//!
//! A filter that kills on an unexpected call would make an attach fatal, so every call is put to it
//! beforehand: the filters are read from the halted thread and run here, on the same words that the
//! kernel would show them.
//!
//! The part that reads runs in the guardian: no allocation, no panic.

use super::sys::{self, FILTER_MAX, Insn};

/// `AUDIT_ARCH_X86_64`.
const ARCH: u32 = 0xc000_003e;
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_LOG: u32 = 0x7ffc_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const ACTION: u32 = 0xffff_0000;
/// More filters than the kernel lets a thread have (their instructions are limited to 32768 in
/// all).
const FILTERS_MAX: u64 = 8192;

/// A call that the resident makes, with arguments as it passes them. Pointers are left zero: a
/// filter cannot follow them.
struct Need {
    name: &'static str,
    nr: i64,
    args: [u64; 6],
    if_refused: IfRefused,
}

/// What a refusal of a call means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfRefused {
    /// The resident cannot work.
    Useless,
    /// An error is a part of what it must live with: it can then not alias or copy pages, or
    /// does it another way. Containers forbid userfaultfd, for one. But the call must not be
    /// the end of the process.
    MakesDo,
}

const fn need(name: &'static str, nr: i64, args: [u64; 6]) -> Need {
    Need { name, nr, args, if_refused: IfRefused::Useless }
}

const fn want(name: &'static str, nr: i64, args: [u64; 6]) -> Need {
    Need { name, nr, args, if_refused: IfRefused::MakesDo }
}

const ADDR: u64 = 0x2000_0000_0000;
const NO_FD: u64 = u64::MAX;

/// Every call that the resident needs.
#[rustfmt::skip]
const NEEDS: &[Need] = &[
    need("mmap", libc::SYS_mmap, [ADDR, 0x10000, 3, 0x10_4022, NO_FD, 0]),
    need("mmap", libc::SYS_mmap, [ADDR, 0x10000, 0, 0x10_4022, NO_FD, 0]),
    need("mmap", libc::SYS_mmap, [ADDR, 0x10000, 0, 0x4032, NO_FD, 0]),
    need("mmap", libc::SYS_mmap, [ADDR, 0x10000, 3, 0x11, 3, 0]),
    need("munmap", libc::SYS_munmap, [ADDR, 0x10000, 0, 0, 0, 0]),
    need("mprotect", libc::SYS_mprotect, [ADDR, 0x1000, 0, 0, 0, 0]),
    need("mprotect", libc::SYS_mprotect, [ADDR, 0x1000, 1, 0, 0, 0]),
    need("mprotect", libc::SYS_mprotect, [ADDR, 0x1000, 5, 0, 0, 0]),
    need("mprotect", libc::SYS_mprotect, [ADDR, 0x1000, 3, 0, 0, 0]),
    need("madvise", libc::SYS_madvise, [ADDR, 0x1000, 4, 0, 0, 0]),
    need("madvise", libc::SYS_madvise, [ADDR, 0x1000, 102, 0, 0, 0]),
    need("madvise", libc::SYS_madvise, [ADDR, 0x1000, 103, 0, 0, 0]),
    need("clone", libc::SYS_clone, [0x50f00, ADDR, 0, 0, 0, 0]),
    need("futex", libc::SYS_futex, [ADDR, 0, 0, 0, 0, 0]),
    need("futex", libc::SYS_futex, [ADDR, 1, 1, 0, 0, 0]),
    need("memfd_create", libc::SYS_memfd_create, [ADDR, 3, 0, 0, 0, 0]),
    need("ftruncate", libc::SYS_ftruncate, [3, 0x10000, 0, 0, 0, 0]),
    need("fcntl", libc::SYS_fcntl, [3, 1033, 0xf, 0, 0, 0]),
    need("close_range", libc::SYS_close_range, [0, 0xffff_ffff, 2, 0, 0, 0]),
    need("openat", libc::SYS_openat, [0xffff_ff9c, ADDR, 0x8_0000, 0, 0, 0]),
    need("read", libc::SYS_read, [3, ADDR, 0x1000, 0, 0, 0]),
    need("ioctl", libc::SYS_ioctl, [3, 0xc068_6611, ADDR, 0, 0, 0]),
    need("close", libc::SYS_close, [3, 0, 0, 0, 0, 0]),
    need("mlock2", libc::SYS_mlock2, [ADDR, 0x1000, 0, 0, 0, 0]),
    need("munlock", libc::SYS_munlock, [ADDR, 0x1000, 0, 0, 0, 0]),
    need("rt_sigprocmask", libc::SYS_rt_sigprocmask, [2, ADDR, 0, 8, 0, 0]),
    need("prctl", libc::SYS_prctl, [15, ADDR, 0, 0, 0, 0]),
    need("gettid", libc::SYS_gettid, [0; 6]),
    need("getpid", libc::SYS_getpid, [0; 6]),
    need("clock_gettime", libc::SYS_clock_gettime, [1, ADDR, 0, 0, 0, 0]),
    need("sched_yield", libc::SYS_sched_yield, [0; 6]),
    need("process_vm_readv", libc::SYS_process_vm_readv, [1000, ADDR, 1, ADDR, 1, 0]),
    need("mlock", libc::SYS_mlock, [ADDR, 0x1000, 0, 0, 0, 0]),
    need("unshare", libc::SYS_unshare, [0x400, 0, 0, 0, 0, 0]),
    need("pread64", libc::SYS_pread64, [3, ADDR, 0x1000, 0, 0, 0]),
    need("write", libc::SYS_write, [3, ADDR, 0x1000, 0, 0, 0]),
    need("lseek", libc::SYS_lseek, [3, 0, 2, 0, 0, 0]),
    need("fcntl", libc::SYS_fcntl, [3, 37, ADDR, 0, 0, 0]),
    need("getdents64", libc::SYS_getdents64, [3, ADDR, 0x1000, 0, 0, 0]),
    need("getrandom", libc::SYS_getrandom, [ADDR, 16, 0, 0, 0, 0]),
    need("prlimit64", libc::SYS_prlimit64, [0, 8, 0, ADDR, 0, 0]),
    need("sched_getaffinity", libc::SYS_sched_getaffinity, [0, 128, ADDR, 0, 0, 0]),
    need("sysinfo", libc::SYS_sysinfo, [ADDR, 0, 0, 0, 0, 0]),
    need("uname", libc::SYS_uname, [ADDR, 0, 0, 0, 0, 0]),
    need("exit", libc::SYS_exit, [0; 6]),
    // What the program asks for, or what only makes things better.
    want("mmap", libc::SYS_mmap, [ADDR, 0x10000, 7, 0x10_4022, NO_FD, 0]),
    want("mmap", libc::SYS_mmap, [0, 0x1000, 0, 0x4022, NO_FD, 0]),
    want("mprotect", libc::SYS_mprotect, [ADDR, 0x1000, 7, 0, 0, 0]),
    want("memfd_create", libc::SYS_memfd_create, [ADDR, 11, 0, 0, 0, 0]),
    want("prctl", libc::SYS_prctl, [0x5356_4d41, 0, ADDR, 0x1000, ADDR, 0]),
    want("prlimit64", libc::SYS_prlimit64, [0, 3, 0, ADDR, 0, 0]),
    want("prlimit64", libc::SYS_prlimit64, [0, 7, 0, ADDR, 0, 0]),
    // What a forked child is to get.
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 10, 0, 0, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 11, 0, 0, 0]),
    // For guards: the second thread, what it waits for, and the signals that it leads to.
    want("clone", libc::SYS_clone, [0x25_0f00, ADDR, 0, ADDR, 0, 0]),
    want("eventfd2", libc::SYS_eventfd2, [0, 0x8_0800, 0, 0, 0, 0]),
    want("ppoll", libc::SYS_ppoll, [ADDR, 2, 0, 0, 8, 0]),
    want("rt_sigaction", libc::SYS_rt_sigaction, [64, ADDR, 0, 8, 0, 0]),
    want("rt_sigaction", libc::SYS_rt_sigaction, [64, 0, ADDR, 8, 0, 0]),
    want("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, [1000, 1001, 11, ADDR, 0, 0]),
    want("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, [1000, 1001, 64, ADDR, 0, 0]),
    want("tgkill", libc::SYS_tgkill, [1000, 1001, 11, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc028_aa03, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc028_aa05, ADDR, 0, 0, 0]),
    want("mremap", libc::SYS_mremap, [ADDR, 0x10000, 0x10000, 5, 0, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 20, 0, 0, 0]),
    want("mmap", libc::SYS_mmap, [0, 0x4_0000, 1, 0x4022, NO_FD, 0]),
    want("mmap", libc::SYS_mmap, [0, 0x4_0000, 3, 0x4022, NO_FD, 0]),
    want("mmap", libc::SYS_mmap, [0, 0x4_0000, 7, 0x4022, NO_FD, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 15, 0, 0, 0]),
    // For objects.
    want("mmap", libc::SYS_mmap, [0, 0x10000, 3, 0x22, NO_FD, 0]),
    want("mmap", libc::SYS_mmap, [ADDR, 0x10000, 0, 0x11, 3, 0x1000]),
    want("mmap", libc::SYS_mmap, [ADDR, 0x10000, 0, 0x4012, 3, 0x1000]),
    want("mmap", libc::SYS_mmap, [ADDR, 0x10000, 3, 0x4012, 3, 0x1000]),
    want("mremap", libc::SYS_mremap, [ADDR, 0, 0x10000, 1, 0, 0]),
    want("mremap", libc::SYS_mremap, [ADDR, 0x10000, 0x10000, 3, ADDR, 0]),
    want("userfaultfd", libc::SYS_userfaultfd, [0x8_0800, 0, 0, 0, 0, 0]),
    want("userfaultfd", libc::SYS_userfaultfd, [0x8_0801, 0, 0, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc018_aa3f, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc020_aa00, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0x8010_aa01, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0x8010_aa02, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc018_aa06, ADDR, 0, 0, 0]),
    want("ioctl", libc::SYS_ioctl, [3, 0xc060_6610, ADDR, 0, 0, 0]),
    want("openat", libc::SYS_openat, [0xffff_ff9c, ADDR, 0x8_0900, 0, 0, 0]),
    want("openat", libc::SYS_openat, [0xffff_ff9c, ADDR, 0x8_0902, 0, 0, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 23, 0, 0, 0]),
    want("fstat", libc::SYS_fstat, [3, ADDR, 0, 0, 0, 0]),
    want("fcntl", libc::SYS_fcntl, [3, 1030, 1024, 0, 0, 0]),
    want("fcntl", libc::SYS_fcntl, [3, 1034, 0, 0, 0, 0]),
    want("fcntl", libc::SYS_fcntl, [3, 3, 0, 0, 0, 0]),
    want("fallocate", libc::SYS_fallocate, [3, 3, 0, 0x10000, 0, 0]),
    want("pwrite64", libc::SYS_pwrite64, [3, ADDR, 0x1000, 0, 0, 0]),
    want("process_vm_writev", libc::SYS_process_vm_writev, [1000, ADDR, 1, ADDR, 1, 0]),
    want("prlimit64", libc::SYS_prlimit64, [0, 1, 0, ADDR, 0, 0]),
    want("arch_prctl", libc::SYS_arch_prctl, [0x1003, ADDR, 0, 0, 0, 0]),
    // For content that is yielded.
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 8, 0, 0, 0]),
    // For frames, large pages and nodes.
    want("mmap", libc::SYS_mmap, [0, 0x10000, 3, 0x1, 3, 0]),
    want("mmap", libc::SYS_mmap, [ADDR, 0x20_0000, 3, 0x5414_0022, NO_FD, 0]),
    want("mmap", libc::SYS_mmap, [ADDR, 0x4000_0000, 3, 0x7814_0022, NO_FD, 0]),
    want("mremap", libc::SYS_mremap, [ADDR, 0, 0x10000, 3, ADDR, 0]),
    want("fallocate", libc::SYS_fallocate, [3, 0, 0, 0x10000, 0, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 9, 0, 0, 0]),
    want("madvise", libc::SYS_madvise, [ADDR, 0x1000, 14, 0, 0, 0]),
    want("mbind", libc::SYS_mbind, [ADDR, 0x10000, 1, ADDR, 1025, 0]),
];

/// The first call that some filter of the halted thread does not plainly allow; `Err(None)`: they
/// cannot be read. `seen`: whether it had a filter when it was last looked at. Only a thread that
/// had none is taken not to have got one since where the question is not permitted.
pub(super) fn first_forbidden(
    tid: i32,
    program: &mut [Insn; FILTER_MAX],
    seen: bool,
) -> Result<(), Option<&'static str>> {
    for index in 0..FILTERS_MAX {
        match sys::seccomp_filter(tid, index, program) {
            Ok(len) => first_refused(program.get(..len as usize).unwrap_or_default())
                .map_or(Ok(()), |c| Err(Some(c)))?,
            // Past the oldest one.
            Err(libc::ENOENT) if index > 0 => return Ok(()),
            Err(_) if !seen && index == 0 => return Ok(()),
            Err(_) => return Err(None),
        }
    }
    Err(None)
}

fn first_refused(program: &[Insn]) -> Option<&'static str> {
    NEEDS.iter().find(|need| !allows(program, need)).map(|need| need.name)
}

/// Whether the filter lets this call through, or fails it where that does no harm. A filter
/// can also make the kernel claim success for a call that it does not make: error 0.
fn allows(program: &[Insn], need: &Need) -> bool {
    let Some(verdict) = run(program, &words(need.nr as u32, &need.args)) else { return false };
    match verdict & ACTION {
        RET_ALLOW | RET_LOG => true,
        RET_ERRNO => verdict != RET_ERRNO && need.if_refused == IfRefused::MakesDo,
        _others => false,
    }
}

/// `struct seccomp_data`: number, architecture, instruction pointer, six arguments.
fn words(nr: u32, args: &[u64; 6]) -> [u32; 16] {
    let [a, b, c, d, e, f] = *args;
    let (low, high) = (|v: u64| v as u32, |v: u64| (v >> 32) as u32);
    [
        nr,
        ARCH,
        low(ADDR),
        high(ADDR),
        low(a),
        high(a),
        low(b),
        high(b),
        low(c),
        high(c),
        low(d),
        high(d),
        low(e),
        high(e),
        low(f),
        high(f),
    ]
}

/// The machine of classic BPF, as far as seccomp admits it.
struct Machine<'a> {
    a: u32,
    x: u32,
    memory: [u32; 16],
    data: &'a [u32; 16],
}

/// Runs a filter; `None` where the kernel would not have accepted it. Jumps only go forward, so it
/// ends.
fn run(program: &[Insn], data: &[u32; 16]) -> Option<u32> {
    let mut machine = Machine { a: 0, x: 0, memory: [0; 16], data };
    let mut pc = 0usize;
    loop {
        let insn = program.get(pc)?;
        pc = pc.checked_add(1)?;
        match insn.code & 7 {
            RET => return if insn.code & 0x18 == 0x10 { Some(machine.a) } else { Some(insn.k) },
            JMP => pc = pc.checked_add(machine.jump(insn)? as usize)?,
            ALU => machine.a = machine.compute(insn)?,
            _moves => machine.transfer(insn)?,
        }
    }
}

const LD: u16 = 0;
const LDX: u16 = 1;
const ST: u16 = 2;
const STX: u16 = 3;
const ALU: u16 = 4;
const JMP: u16 = 5;
const RET: u16 = 6;
/// `BPF_X`: the operand is the index register.
const BY_X: u16 = 8;

impl Machine<'_> {
    fn operand(&self, insn: &Insn) -> u32 {
        if insn.code & BY_X != 0 { self.x } else { insn.k }
    }

    fn cell(&mut self, k: u32) -> Option<&mut u32> {
        self.memory.get_mut(k as usize)
    }

    fn transfer(&mut self, insn: &Insn) -> Option<()> {
        match (insn.code & 7, insn.code & 0xf8) {
            // Absolute word of the data: four-byte steps only.
            (LD, 0x20) if insn.k.is_multiple_of(4) => self.a = *self.data.get(insn.k as usize / 4)?,
            (LD, 0x80) => self.a = 64,
            (LDX, 0x80) => self.x = 64,
            (LD, 0x00) => self.a = insn.k,
            (LDX, 0x00) => self.x = insn.k,
            (LD, 0x60) => self.a = *self.cell(insn.k)?,
            (LDX, 0x60) => self.x = *self.cell(insn.k)?,
            (ST, _) => *self.cell(insn.k)? = self.a,
            (STX, _) => *self.cell(insn.k)? = self.x,
            (_, 0x00) => self.x = self.a,
            (_, 0x80) => self.a = self.x,
            _unknown => return None,
        }
        Some(())
    }

    fn compute(&self, insn: &Insn) -> Option<u32> {
        let (a, b) = (self.a, self.operand(insn));
        Some(match insn.code & 0xf0 {
            0x00 => a.wrapping_add(b),
            0x10 => a.wrapping_sub(b),
            0x20 => a.wrapping_mul(b),
            // The kernel ends a program that divides by zero with the answer 0, "kill".
            0x30 => a.checked_div(b)?,
            0x40 => a | b,
            0x50 => a & b,
            0x60 => a.checked_shl(b).unwrap_or(0),
            0x70 => a.checked_shr(b).unwrap_or(0),
            0x80 => a.wrapping_neg(),
            0xa0 => a ^ b,
            _unknown => return None,
        })
    }

    /// How many instructions to skip.
    fn jump(&self, insn: &Insn) -> Option<u32> {
        let (a, b) = (self.a, self.operand(insn));
        let holds = match insn.code & 0xf0 {
            0x00 => return Some(insn.k),
            0x10 => a == b,
            0x20 => a > b,
            0x30 => a >= b,
            0x40 => a & b != 0,
            _unknown => return None,
        };
        Some(u32::from(if holds { insn.jt } else { insn.jf }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn insn(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
        Insn { code, jt, jf, k }
    }

    const LOAD_NR: Insn = insn(0x20, 0, 0, 0);
    const ALLOW: Insn = insn(0x06, 0, 0, RET_ALLOW);
    const KILL: Insn = insn(0x06, 0, 0, 0x8000_0000);

    fn refuse(nr: i64) -> [Insn; 4] {
        [LOAD_NR, insn(0x15, 0, 1, nr as u32), KILL, ALLOW]
    }

    #[test]
    fn the_first_call_that_a_filter_refuses_is_named() {
        assert_eq!(first_refused(&[ALLOW]), None);
        assert_eq!(first_refused(&[insn(0x06, 0, 0, RET_LOG)]), None);
        assert_eq!(first_refused(&refuse(libc::SYS_madvise)), Some("madvise"));
        assert_eq!(first_refused(&refuse(libc::SYS_exit)), Some("exit"));
        assert_eq!(first_refused(&refuse(libc::SYS_userfaultfd)), Some("userfaultfd"));
        assert_eq!(first_refused(&refuse(libc::SYS_acct)), None);
    }

    #[test]
    fn a_filter_that_kills_on_one_argument_is_seen() {
        // The second argument of fcntl, the third of madvise: the low words of args[1] and args[2].
        for (nr, offset, value, name) in [
            (libc::SYS_madvise, 32, 10, "madvise"),
            (libc::SYS_madvise, 32, 11, "madvise"),
            (libc::SYS_fcntl, 24, 3, "fcntl"),
            (libc::SYS_prctl, 16, 0x5356_4d41, "prctl"),
        ] {
            let program = [
                LOAD_NR,
                insn(0x15, 0, 3, nr as u32),
                insn(0x20, 0, 0, offset),
                insn(0x15, 0, 1, value),
                KILL,
                ALLOW,
            ];
            assert_eq!(first_refused(&program), Some(name), "{value}");
        }
    }

    #[test]
    fn answers_that_neither_allow_nor_log_count_as_refusals() {
        for action in [0x0000_0000, 0x0003_0000, 0x0005_0001, 0x7fc0_0000, 0x7ff0_0000, 0x8000_0000] {
            assert_eq!(first_refused(&[insn(0x06, 0, 0, action)]), Some("mmap"), "{action:#x}");
        }
    }

    #[test]
    fn what_can_be_done_without_may_fail_and_may_not_kill() {
        let answer = |nr: i64, value| {
            let program = [LOAD_NR, insn(0x15, 0, 1, nr as u32), insn(0x06, 0, 0, value), ALLOW];
            first_refused(&program)
        };
        assert_eq!(answer(libc::SYS_userfaultfd, RET_ERRNO | 1), None);
        assert_eq!(answer(libc::SYS_userfaultfd, RET_ERRNO), Some("userfaultfd"));
        assert_eq!(answer(libc::SYS_madvise, RET_ERRNO | 1), Some("madvise"));
    }

    #[test]
    fn arguments_are_seen_as_two_words_each() {
        // Allows mprotect only without PROT_EXEC: args[2], low word, at offset 32.
        let program = [
            LOAD_NR,
            insn(0x15, 0, 3, libc::SYS_mprotect as u32),
            insn(0x20, 0, 0, 32),
            insn(0x45, 0, 1, 4),
            KILL,
            ALLOW,
        ];
        assert_eq!(first_refused(&program), Some("mprotect"));
        assert_eq!(
            run(&[insn(0x20, 0, 0, 20), insn(0x16, 0, 0, 0)], &words(1, &[7 << 32, 0, 0, 0, 0, 0])),
            Some(7)
        );
        assert_eq!(run(&[insn(0x20, 0, 0, 4), insn(0x16, 0, 0, 0)], &words(1, &[0; 6])), Some(ARCH));
    }

    #[test]
    fn arithmetic_memory_and_jumps_follow_classic_bpf() {
        let answer = |code: u16, a: u32, k: u32| {
            run(&[insn(0, 0, 0, a), insn(code, 0, 0, k), insn(0x16, 0, 0, 0)], &[0; 16])
        };
        assert_eq!(answer(0x04, u32::MAX, 2), Some(1));
        assert_eq!(answer(0x14, 1, 2), Some(u32::MAX));
        assert_eq!(answer(0x24, 3, 5), Some(15));
        assert_eq!(answer(0x34, 7, 2), Some(3));
        assert_eq!(answer(0x34, 7, 0), None);
        assert_eq!(answer(0x64, 1, 40), Some(0));
        assert_eq!(answer(0x84, 1, 0), Some(u32::MAX));
        assert_eq!(answer(0xa4, 6, 3), Some(5));
        let store = [
            insn(0, 0, 0, 9),
            insn(0x02, 0, 0, 15),
            insn(0, 0, 0, 0),
            insn(0x61, 0, 0, 15),
            insn(0x87, 0, 0, 0),
            insn(0x16, 0, 0, 0),
        ];
        assert_eq!(run(&store, &[0; 16]), Some(9));
        assert_eq!(run(&[insn(0x05, 0, 0, 1), KILL, ALLOW], &[0; 16]), Some(RET_ALLOW));
    }

    #[test]
    fn a_program_that_the_kernel_would_not_take_is_no_permission() {
        for program in [
            &[][..],
            &[LOAD_NR],
            &[insn(0x05, 0, 0, 9)],
            &[insn(0x20, 0, 0, 64), ALLOW],
            &[insn(0x20, 0, 0, 2), ALLOW],
        ] {
            assert_eq!(first_refused(program), Some("mmap"));
        }
    }
}
