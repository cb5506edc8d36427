//! Targets that cannot be had: each has its own answer, and none is changed by the question.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::target::{State, Target, TargetError};

use super::super::{Denied, Forbidden, Reason, inject, remove};
use super::{
    Guest, blob, compiled, depart, plan, python, scratch_dir, skipped, traces, visit, visit_and_depart,
    wait_until,
};

fn reason(target: &Target) -> Reason {
    let error = inject(target, &plan(&blob())).expect_err("it cannot be had");
    let sentence = error.to_string();
    println!("{sentence}");
    assert!(sentence.contains(&target.pid.to_string()));
    error.reason
}

fn sleeper() -> Guest {
    Guest::start(Command::new("sleep").arg("100")).sleeping_in(libc::SYS_clock_nanosleep)
}

fn signal(guest: &Guest, number: i32) {
    // SAFETY: a signal to a child of ours.
    unsafe { libc::kill(guest.pid(), number) };
}

#[test]
fn a_number_without_a_process_and_a_number_of_a_thread_are_no_process() {
    for pid in [0, -1, i32::MIN, i32::MAX] {
        assert_eq!(Target::open(pid).err(), Some(TargetError::NoSuchProcess { pid }));
    }
    let Some(program) = compiled("threads", include_str!("busy.c"), &[]) else { return };
    let guest = Guest::start(Command::new(program).arg("100"));
    wait_until("it has threads", || guest.target().threads().is_ok_and(|t| t.len() == 4));
    let tid =
        guest.target().threads().expect("it runs").into_iter().find(|t| *t != guest.pid()).expect("four");
    assert_eq!(Target::open(tid).err(), Some(TargetError::NoSuchProcess { pid: tid }));
}

#[test]
fn a_stopped_process_is_left_stopped() {
    let guest = sleeper();
    signal(&guest, libc::SIGSTOP);
    wait_until("it stops", || guest.target().state() == State::Stopped);
    let before = traces(guest.pid());
    assert_eq!(reason(&guest.target()), Reason::Stopped);
    assert_eq!(guest.target().state(), State::Stopped);
    assert_eq!(traces(guest.pid()), before);
    signal(&guest, libc::SIGCONT);
    wait_until("it goes on", || guest.target().state() == State::Live);
    visit_and_depart(&guest);
}

#[test]
fn a_thread_of_ours_leaves_a_stopped_process_which_stays_stopped() {
    let guest = sleeper();
    let before = traces(guest.pid());
    let placed = visit(&guest.target());
    signal(&guest, libc::SIGSTOP);
    wait_until("it stops", || guest.target().state() == State::Stopped);
    depart(&guest.target(), &placed);
    assert_eq!(guest.target().state(), State::Stopped);
    assert_eq!(traces(guest.pid()), before);
}

/// Freezes a process in a control group of its own, which is given up when dropped.
struct Freezer {
    group: PathBuf,
    file: &'static str,
    thaw: &'static str,
}

impl Freezer {
    fn around(pid: i32, root: &str, file: &'static str, [freeze, thaw]: [&'static str; 2]) -> Option<Self> {
        let group = Path::new(root).join(format!("pagewright-{pid}"));
        fs::metadata(Path::new(root).join("cgroup.procs")).ok()?;
        fs::create_dir(&group).ok()?;
        let freezer = Self { group, file, thaw };
        fs::write(freezer.group.join("cgroup.procs"), pid.to_string()).ok()?;
        fs::write(freezer.group.join(file), freeze).ok()?;
        Some(freezer)
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = fs::write(self.group.join(self.file), self.thaw);
        let pids = fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
        let back = self.group.with_file_name("cgroup.procs");
        pids.lines().for_each(|pid| drop(fs::write(&back, pid)));
        let _ = fs::remove_dir(&self.group);
    }
}

#[test]
#[ignore = "makes control groups"]
fn a_frozen_process_comes_out_of_the_attempt_as_it_was() {
    let kinds = [
        ("/sys/fs/cgroup/freezer", "freezer.state", ["FROZEN", "THAWED"]),
        ("/sys/fs/cgroup/unified", "cgroup.freeze", ["1", "0"]),
        ("/sys/fs/cgroup", "cgroup.freeze", ["1", "0"]),
    ];
    for (root, file, words) in kinds {
        let guest = Guest::start(Command::new("sleep").arg("3")).sleeping_in(libc::SYS_clock_nanosleep);
        let Some(freezer) = Freezer::around(guest.pid(), root, file, words) else {
            let _: Option<()> = skipped("a frozen process", root);
            continue;
        };
        wait_until("it freezes", || super::super::is_frozen(&guest.target()));
        assert_eq!(reason(&guest.target()), Reason::Frozen);
        drop(freezer);
        assert_eq!(guest.finish().0, Some(0));
    }
}

#[test]
fn a_zombie_has_ended() {
    let guest = Guest::start(&mut Command::new("true"));
    let target = guest.target();
    wait_until("it ends", || target.is_ended());
    assert_eq!(target.state(), State::Ended);
    assert_eq!(reason(&target), Reason::Ended);
    drop(guest);
    assert_eq!(reason(&target), Reason::Ended);
}

#[test]
fn a_process_under_a_debugger_names_the_debugger() {
    let guest = sleeper();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            super::sys::seize(guest.pid()).expect("nobody else traces it");
            let State::Traced { by } = guest.target().state() else { panic!("it is traced") };
            assert_eq!(reason(&guest.target()), Reason::Traced { by });
        });
    });
    // The tracer was a thread, and its end frees the target.
    wait_until("it is free", || guest.target().state() == State::Live);
    visit_and_depart(&guest);
}

#[test]
fn a_kernel_thread_has_no_memory() {
    match Target::open(2) {
        Ok(target) if target.is_kernel_thread() => assert_eq!(reason(&target), Reason::KernelThread),
        _other => skipped("a kernel thread", "none is visible here").unwrap_or(()),
    }
}

/// `mov eax, 29 (pause); int 0x80; jmp` in a 32-bit ELF file.
fn narrow_program() -> Vec<u8> {
    let code = [0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7];
    let (base, length) = (0x0804_8000u32, 84 + code.len() as u32);
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    for word in [base + 84, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52u16, 32, 1, 40, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, 0, base, base, length, length, 5, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[test]
fn a_32_bit_program_is_refused() {
    let path = scratch_dir().join("narrow");
    fs::write(&path, narrow_program()).expect("the place is writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    if Command::new(&path).spawn().map(|mut c| (c.kill(), c.wait())).is_err() {
        return skipped("a 32-bit program", "this kernel does not run any").unwrap_or(());
    }
    let guest = Guest::start(&mut Command::new(&path));
    assert_eq!(reason(&guest.target()), Reason::Bits32);
}

/// A Python program that confines itself and then reads its input.
fn confined(setup: &str) -> Option<Guest> {
    let script = format!(
        "import ctypes,os,struct\nlibc=ctypes.CDLL(None)\nlibc.prctl(38,1,0,0,0)\ndef install(*insns):\n \
         b=ctypes.create_string_buffer(b''.join(struct.pack('HBBI',*i) for i in insns))\n \
         p=ctypes.create_string_buffer(struct.pack('HxxxxxxQ',len(insns),ctypes.addressof(b)))\n \
         assert libc.prctl(22,2,p,0,0)==0\n{setup}\nos.read(0,1)\nlibc.syscall(60,9)"
    );
    python(&script).map(|guest| guest.sleeping_in(libc::SYS_read))
}

#[test]
fn strict_seccomp_is_refused() {
    let Some(guest) = confined("assert libc.prctl(22,1,0,0,0)==0") else { return };
    assert_eq!(reason(&guest.target()), Reason::Seccomp(Forbidden::Strict));
    assert_eq!(guest.finish().0, Some(9));
}

/// Only an administrator may read the filters of another process; anybody else is told
/// just that.
fn filters_are_readable(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        let _: Option<()> = skipped(test, "only root may read seccomp filters");
    }
    root
}

#[test]
fn a_filter_that_forbids_a_needed_call_is_refused_by_name() {
    if !filters_are_readable("a filter that forbids a needed call") {
        return;
    }
    for action in ["0x80000000", "0x50001", "0x30000"] {
        let filter = format!("install((32,0,0,0),(21,0,1,28),(6,0,0,{action}),(6,0,0,0x7fff0000))");
        let Some(guest) = confined(&filter) else { return };
        let before = traces(guest.pid());
        assert_eq!(reason(&guest.target()), Reason::Seccomp(Forbidden::Call("madvise")));
        assert_eq!(traces(guest.pid()), before);
        assert_eq!(guest.finish().0, Some(9));
    }
}

#[test]
fn filters_that_allow_everything_needed_are_no_obstacle() {
    if !filters_are_readable("filters that allow everything") {
        return;
    }
    let allow = "install((6,0,0,0x7fff0000))\ninstall((32,0,0,0),(21,0,1,101),(6,0,0,0),(6,0,0,0x7fff0000))";
    let Some(guest) = confined(allow) else { return };
    visit_and_depart(&guest);
    assert_eq!(guest.finish().0, Some(9));
}

#[test]
fn a_process_without_an_interruptible_thread_is_busy() {
    let source = "#include <unistd.h>\nint main(void){if(!vfork()){pause();_exit(0);}return 7;}";
    let Some(program) = compiled("vforker", source, &[]) else { return };
    let guest = Guest::start(&mut Command::new(program));
    let children = format!("/proc/{0}/task/{0}/children", guest.pid());
    wait_until("it has a child", || fs::read_to_string(&children).is_ok_and(|c| !c.is_empty()));
    let child = fs::read_to_string(&children).expect("it has one").trim().parse().expect("one number");
    assert_eq!(reason(&guest.target()), Reason::Busy);
    // SAFETY: a grandchild of ours, which its parent has not waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert_eq!(guest.finish().0, Some(7));
}

#[test]
fn only_threads_of_the_target_are_removed() {
    let guest = sleeper();
    for tid in [1, guest.pid(), i32::MAX] {
        assert_eq!(remove(&guest.target(), tid, &[]).map_err(|e| e.reason), Err(Reason::NoSuchProcess));
    }
}

/// Runs in a process of another user, started by the next test.
#[test]
#[ignore = "the other half of another test"]
fn as_another_user() {
    let Some(pid) = std::env::var("PAGEWRIGHT_TARGET").ok().and_then(|p| p.parse().ok()) else { return };
    let denied = reason(&Target::open(pid).expect("it runs"));
    assert_eq!(denied, Reason::NotPermitted(Denied::OtherUser { uid: 0 }));
}

#[test]
fn another_user_may_not() {
    if !rustix::process::geteuid().is_root() {
        return skipped("another user", "only root can start one").unwrap_or(());
    }
    let guest = sleeper();
    let exe = std::env::current_exe().expect("we run");
    let open_to_all = exe.ancestors().all(|p| fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 1 == 1));
    if !open_to_all {
        return skipped("another user", "the test program is in a closed directory").unwrap_or(());
    }
    let mut other = Command::new(exe);
    other
        .args(["as_another_user", "--ignored", "--nocapture"])
        .env("PAGEWRIGHT_TARGET", guest.pid().to_string());
    let output = other.uid(65534).gid(65534).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
