//! Targets that must not notice.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{Guest, compiled, depart, python, visit, visit_and_depart};

const BUSY: &str = include_str!("busy.c");

/// Lived for `expected`, give or take what a loaded machine adds.
fn on_time(lived: Duration, expected: f64) {
    let lived = lived.as_secs_f64();
    assert!(lived > expected - 0.02 && lived < expected + 1.0, "lived {lived} s instead of {expected} s");
}

#[test]
fn sleep_wakes_on_time() {
    let guest = Guest::start(Command::new("sleep").arg("1")).sleeping_in(libc::SYS_clock_nanosleep);
    for _ in 0..5 {
        visit_and_depart(&guest);
    }
    let (code, lived, _) = guest.finish();
    assert_eq!(code, Some(0));
    on_time(lived, 1.0);
}

#[test]
fn a_blocked_read_goes_on_blocking() {
    let guest = Guest::start(&mut Command::new("cat")).sleeping_in(libc::SYS_read);
    visit_and_depart(&guest);
    let (code, _, text) = guest.finish();
    assert_eq!((code, text.as_str()), (Some(0), ""));
}

/// A Python program that measures one waiting call, and must find it as long as asked, with the
/// result asked for.
fn python_waits(nr: i64, setup: &str, call: &str, result: &str, seconds: f64) {
    let script = format!(
        "import sys,time,os,select,signal,socket,ctypes,threading\n{setup}\nt=time.monotonic()\nr={call}\n\
         t=time.monotonic()-t\nprint(r)\nsys.exit(0 if r=={result} and {seconds}-0.02<t<{seconds}+1 else \
         print(f'took {{t}}') or 3)"
    );
    let Some(guest) = python(&script) else { return };
    let guest = guest.sleeping_in(nr);
    std::thread::sleep(Duration::from_millis(200));
    // Three visits while it waits; fewer where the machine is so busy that the wait
    // would be over before the last one is.
    let begun = Instant::now();
    for _ in 0..3 {
        visit_and_depart(&guest);
        std::thread::sleep(Duration::from_millis(50));
        if begun.elapsed() > Duration::from_millis(300) {
            break;
        }
    }
    let (code, _, text) = guest.finish();
    assert_eq!(code, Some(0), "{text}");
}

const LIBC: &str = "libc=ctypes.CDLL(None,use_errno=True)\nts=(ctypes.c_long*2)(1,0)";

#[test]
fn poll_and_its_kin_time_out_on_time() {
    python_waits(libc::SYS_poll, "r,w=os.pipe();p=select.poll();p.register(r,1)", "p.poll(1000)", "[]", 1.0);
    python_waits(libc::SYS_ppoll, LIBC, "libc.ppoll(None,0,ts,None)", "0", 1.0);
    python_waits(libc::SYS_pselect6, "r,w=os.pipe()", "select.select([r],[],[],1)", "([],[],[])", 1.0);
}

#[test]
fn epoll_times_out_on_time() {
    let raw = format!("{LIBC}\ne=libc.epoll_create1(0)\nb=ctypes.create_string_buffer(64)");
    python_waits(libc::SYS_epoll_wait, &raw, "libc.epoll_wait(e,b,4,1000)", "0", 1.0);
    python_waits(libc::SYS_epoll_pwait, &raw, "libc.epoll_pwait(e,b,4,1000,None)", "0", 1.0);
    python_waits(libc::SYS_epoll_pwait2, &raw, "libc.syscall(441,e,b,4,ts,None,8)", "0", 1.0);
}

#[test]
fn sigtimedwait_and_semtimedop_time_out_on_time() {
    python_waits(libc::SYS_rt_sigtimedwait, "", "signal.sigtimedwait([signal.SIGUSR2],1)", "None", 1.0);
    let raw = format!(
        "{LIBC}\ns=libc.semget(0,1,0o1600)\nop=(ctypes.c_short*3)(0,-1,0)\n\
         def wait():\n r=libc.semtimedop(s,op,1,ts);e=ctypes.get_errno();libc.semctl(s,0,0);return (r,e)"
    );
    python_waits(libc::SYS_semtimedop, &raw, "wait()", "(-1,11)", 1.0);
}

#[test]
fn a_socket_with_a_timeout_times_out_on_time() {
    let raw = "import struct,errno\na,c=socket.socketpair()\n\
               a.setsockopt(socket.SOL_SOCKET,socket.SO_RCVTIMEO,struct.pack('ll',1,0))\n\
               libc=ctypes.CDLL(None,use_errno=True)\nb=ctypes.create_string_buffer(64)\n\
               def wait():\n r=libc.recv(a.fileno(),b,4,0);e=ctypes.get_errno()\n\
               \x20o=struct.unpack('ll',a.getsockopt(socket.SOL_SOCKET,socket.SO_RCVTIMEO,16))\n return (r,e,o)";
    python_waits(libc::SYS_recvfrom, raw, "wait()", "(-1,errno.EAGAIN,(1,0))", 1.0);
}

#[test]
fn futex_waits_with_and_without_a_limit_go_on() {
    let lock = "l=threading.Lock();l.acquire()";
    python_waits(libc::SYS_futex, lock, "l.acquire(timeout=1)", "False", 1.0);
    let relative = format!("{LIBC}\nw=ctypes.c_int(0)");
    python_waits(
        libc::SYS_futex,
        &relative,
        "(libc.syscall(202,ctypes.byref(w),0,0,ts,0,0),ctypes.get_errno())",
        "(-1,110)",
        1.0,
    );
}

#[test]
fn waiting_for_a_signal_still_ends_with_that_signal() {
    for (nr, call) in [(libc::SYS_pause, "signal.pause()"), (libc::SYS_rt_sigsuspend, "libc.sigsuspend(m)")] {
        let script = format!(
            "import signal,os,sys,ctypes,time\nlibc=ctypes.CDLL(None)\nm=ctypes.create_string_buffer(128)\nn=[]\n\
             signal.signal(signal.SIGUSR1,lambda *a:n.append(1))\n{call}\ntime.sleep(0)\nsys.exit(5 if n==[1] else 6)"
        );
        let Some(guest) = python(&script) else { return };
        let guest = guest.sleeping_in(nr);
        for _ in 0..3 {
            visit_and_depart(&guest);
        }
        let guest = guest.sleeping_in(nr);
        // SAFETY: a signal to a child of ours that handles it.
        unsafe { libc::kill(guest.pid(), libc::SIGUSR1) };
        assert_eq!(guest.finish().0, Some(5), "{call}");
    }
}

#[test]
fn vector_registers_and_red_zones_of_busy_threads_stay() {
    let Some(program) = compiled("busy0", BUSY, &[]) else { return };
    let guest = Guest::start(Command::new(program).arg("1.5"));
    let target = guest.target();
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        let placed = visit(&target);
        depart(&target, &placed);
    }
    assert_eq!(guest.finish().0, Some(7));
}

#[test]
fn a_program_under_a_storm_of_signals_keeps_its_registers() {
    let Some(program) = compiled("busy1", BUSY, &[]) else { return };
    let guest = Guest::start(Command::new(program).args(["100", "alarm"]));
    let target = guest.target();
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..200 {
        let placed = visit(&target);
        depart(&target, &placed);
    }
    assert!(!target.is_ended(), "it noticed and gave up");
    assert_eq!(target.threads().expect("it runs").len(), 4);
}

#[test]
fn a_static_program_is_as_good_as_any() {
    let Some(program) = compiled("busy2", BUSY, &["-static"]) else { return };
    let guest = Guest::start(Command::new(program).arg("0.5"));
    let target = guest.target();
    std::thread::sleep(Duration::from_millis(50));
    let placed = visit(&target);
    depart(&target, &placed);
    assert_eq!(guest.finish().0, Some(7));
}

#[test]
fn how_long_it_takes() {
    let guest = Guest::start(Command::new("sleep").arg("100")).sleeping_in(libc::SYS_clock_nanosleep);
    let target = guest.target();
    let (mut all, mut halts) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let blob = super::blob();
        let started = Instant::now();
        let placed = super::inject(&target, &super::plan(&blob)).expect("it sleeps");
        all.push(started.elapsed());
        halts.push(placed.stopped);
        depart(&target, &placed);
    }
    all.sort();
    halts.sort();
    println!(
        "attach: median {:?}, worst {:?}; stopped: median {:?}, worst {:?}",
        all[25], all[49], halts[25], halts[49]
    );
}
