//! Processes that cannot be had: each call says why, in one sentence, and the process is left as it was.

mod live;

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use pagewright::{Allocate, Free, Kind, Leftovers, Memory, Process, State};

use live::calls::{CHANGES, LOOKS, all_refused};
use live::exercise::{allocate, holds_bytes, info, release, visit};
use live::guest::{Guest, Program, python};
use live::kernel::{Allocates, PAGE, traces};
use live::{half, passes, refused, skipped, target_of_half, within};

#[test]
fn a_number_that_is_no_process_is_refused_under_that_number() {
    for pid in
        [0, u32::MAX, (-1_i32).cast_unsigned(), i32::MIN.cast_unsigned(), 3_000_000_000, i32::MAX as u32]
    {
        refused(Process::open(pid), pid, &[Kind::NoProcess]);
    }
}

#[test]
fn a_thread_that_is_not_the_first_is_no_process() {
    let script = "import threading,sys\nt=threading.Thread(target=sys.stdin.read)\nt.start()\nprint(t.native_id,flush=True)";
    let Some(mut command) = python("the number of a thread", script) else { return };
    let mut guest = Guest::start(&mut command);
    let tid = guest.hear().parse().expect("a number");
    refused(Process::open(tid), tid, &[Kind::NoProcess]);
    assert_eq!(guest.finish().code, Some(0));
}

#[test]
fn the_own_number_is_the_own_process() {
    let process = Process::open(std::process::id()).expect("we run");
    assert!(process.is_current() && !process.has_ended());
    let base = allocate(&process, Allocate::new(PAGE));
    holds_bytes(&process, base, 100);
    assert_eq!(process.attach().map(|attached| (attached.tid, attached.stopped_ns)), Ok((0, 0)));
    process.detach(Leftovers::Keep).expect("there is nothing to do");
    release(&process, base);
}

#[test]
fn a_thread_of_the_kernel_is_refused() {
    let is_kernel = fs::read_link("/proc/2/exe").is_err()
        && fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd");
    if !is_kernel {
        return skipped("a kernel thread", "none is visible here");
    }
    refused(Process::open(2), 2, &[Kind::AccessDenied]);
}

/// `mov eax, 29 (pause); int 0x80; jmp` in a 32-bit ELF file.
fn narrow_program() -> Vec<u8> {
    let code = [0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7];
    let (base, length) = (0x0804_8000_u32, 84 + code.len() as u32);
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    for word in [base + 84, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 40, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, 0, base, base, length, length, 5, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[test]
fn a_32_bit_program_can_be_looked_at_but_not_attached_to() {
    let program = Program::from_bytes(&narrow_program());
    if program.command().spawn().map(|mut child| (child.kill(), child.wait())).is_err() {
        return skipped("a 32-bit program", "this kernel does not run any");
    }
    let guest = Guest::start(&mut program.command());
    guest.wait_for_state('S');
    let (process, before) = (guest.process(), traces(guest.pid(), Allocates::Nothing));
    all_refused(&process, CHANGES, &[Kind::Unsupported]);
    assert!(matches!(info(&process, 0x0804_8000).state, State::Committed { .. }));
    let mut magic = [0; 4];
    assert_eq!((process.read(0x0804_8000, &mut magic), &magic), (Ok(4), b"\x7fELF"));
    process.detach(Leftovers::Release).expect("there is nothing to do");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    guest.wait_for_state('S');
}

const SECRETIVE: &str =
    "import ctypes,sys\nctypes.CDLL(None).prctl(4,0)\nprint('ready',flush=True)\nsys.stdin.read()";

#[test]
fn a_process_that_is_not_dumpable_is_served_to_root() {
    if !rustix::process::geteuid().is_root() {
        return skipped("a non-dumpable process as root", "this is not root");
    }
    let Some(mut command) = python("a non-dumpable process", SECRETIVE) else { return };
    let mut guest = Guest::start(&mut command);
    assert_eq!(guest.hear(), "ready");
    guest.wait_for_call(libc::SYS_read);
    visit(&guest.process(), Allocates::Nothing);
    assert_eq!(guest.finish().code, Some(0));
}

/// Whether another user can start this test program.
fn is_open_to_all() -> bool {
    let exe = std::env::current_exe().expect("we run");
    exe.ancestors().all(|path| fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 1 == 1))
}

fn as_nobody(test: &str, target: u32) {
    if !rustix::process::geteuid().is_root() {
        return skipped("another user", "only root can start one");
    }
    if !is_open_to_all() {
        return skipped("another user", "the test program is in a closed directory");
    }
    passes(half(test, target).uid(65534).gid(65534).current_dir("/"));
}

#[test]
fn another_user_is_refused_by_every_call() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    as_nobody("is_refused_by_every_call", guest.pid());
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    let process = guest.process();
    let base = allocate(&process, Allocate::new(PAGE));
    as_nobody("is_refused_by_every_call", guest.pid());
    assert!(process.status().expect("it lives").attached, "a stranger cannot detach");
    release(&process, base);
}

#[test]
#[ignore = "the other half of another_user_is_refused_by_every_call"]
fn is_refused_by_every_call() {
    let Some(pid) = target_of_half() else { return };
    for pid in [pid, 1] {
        let process = Process::open(pid).expect("opening is harmless");
        assert!(!process.has_ended());
        all_refused(&process, LOOKS, &[Kind::AccessDenied]);
        all_refused(&process, CHANGES, &[Kind::AccessDenied]);
    }
}

#[test]
fn a_process_that_is_not_dumpable_is_refused_to_its_own_user() {
    as_nobody("is_refused_by_its_own_process", 0);
}

#[test]
#[ignore = "the other half of a_process_that_is_not_dumpable_is_refused_to_its_own_user"]
fn is_refused_by_its_own_process() {
    if target_of_half().is_none() {
        return;
    }
    if Command::new("/usr/bin/python3").arg("--version").output().is_err() {
        return skipped("a non-dumpable process of another user", "/usr/bin/python3 is not installed");
    }
    let mut guest = Guest::start(Command::new("/usr/bin/python3").args(["-c", SECRETIVE]));
    assert_eq!(guest.hear(), "ready");
    let process = guest.process();
    all_refused(&process, LOOKS, &[Kind::AccessDenied]);
    all_refused(&process, CHANGES, &[Kind::AccessDenied]);
    assert!(process.attach().is_err_and(|error| error.to_string().contains("not dumpable")));
    assert_eq!(guest.finish().code, Some(0));
}

#[test]
fn an_ordinary_user_works_on_his_own_processes() {
    as_nobody("works_on_a_process_of_its_own", 0);
}

#[test]
#[ignore = "the other half of an_ordinary_user_works_on_his_own_processes"]
fn works_on_a_process_of_its_own() {
    if target_of_half().is_none() {
        return;
    }
    let guest = Guest::sleeper("0.8");
    visit(&guest.process(), Allocates::Nothing);
    guest.finish().is(0, 0.8);
}

#[test]
fn a_caller_that_is_stuck_half_way_keeps_nobody_waiting_for_ever() {
    let guest = Guest::sleeper("100");
    let stuck = fs::File::open(format!("/proc/{}", guest.pid())).expect("it runs");
    // SAFETY: the call takes two numbers.
    assert_eq!(unsafe { libc::flock(stuck.as_raw_fd(), libc::LOCK_EX) }, 0);
    let process = guest.process();
    refused(within(15, "attaching", move || process.attach()), guest.pid(), &[Kind::Busy]);
    drop(stuck);
    visit(&guest.process(), Allocates::Nothing);
}

#[test]
fn handles_that_do_nothing_keep_nobody_out() {
    let guest = Guest::sleeper("100");
    let processes: Vec<Process> = (0..40).map(|_| guest.process()).collect();
    for process in &processes {
        allocate(process, Allocate::new(PAGE));
    }
    assert_eq!(processes[0].status().map(|status| status.regions), Ok(40));
    std::thread::scope(|scope| {
        for process in &processes {
            scope.spawn(|| {
                for _ in 0..50 {
                    let base = allocate(process, Allocate::new(PAGE));
                    process.free(&Free::release(base)).unwrap_or_else(|error| panic!("{error}"));
                }
            });
        }
    });
    processes[7].detach(Leftovers::Release).expect("attached");
    assert_eq!(processes[8].status().map(|status| status.attached), Ok(false));
}

const FILTER: &str = "
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
rows = [(32, 0, 0, 0), (21, 0, 1, 28), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *row) for row in rows))
filter = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(rows), ctypes.addressof(code)))
assert libc.prctl(22, 2, filter, 0, 0) == 0
print('ready', flush=True)
os.read(0, 1)
os._exit(9)
";

#[test]
fn a_filter_that_kills_for_madvise_is_named_and_never_met() {
    let Some(mut command) = python("a process with a seccomp filter", FILTER) else { return };
    let mut guest = Guest::start(&mut command);
    assert_eq!(guest.hear(), "ready");
    guest.wait_for_call(libc::SYS_read);
    let before = traces(guest.pid(), Allocates::Nothing);
    let process = guest.process();
    let refusal = process.attach().expect_err("it is not possible").to_string();
    if refusal.contains("may not read") {
        return skipped("a process with a seccomp filter", "this caller may not read filters");
    }
    assert!(refusal.contains("`madvise`"), "{refusal}");
    refused(process.attach(), guest.pid(), &[Kind::AccessDenied]);
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
    assert_eq!(guest.finish().code, Some(9));
}
