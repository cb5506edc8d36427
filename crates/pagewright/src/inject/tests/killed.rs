//! The caller dies, the target does not notice.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::target::{State, Target};

use super::super::inject;
use super::{Guest, blob, compiled, plan, wait_until};

/// Comes and goes until it is killed. Started by the next test.
#[test]
#[ignore = "the other half of another test"]
fn comes_and_goes() {
    let Some(pid) = std::env::var("PAGEWRIGHT_TARGET").ok().and_then(|p| p.parse().ok()) else { return };
    let target = Target::open(pid).expect("it runs");
    let blob = blob();
    println!("go");
    std::io::stdout().flush().expect("somebody listens");
    let limit = Instant::now() + Duration::from_secs(20);
    while Instant::now() < limit {
        // A killed predecessor's guardian may still be at it.
        if let Ok(placed) = inject(&target, &plan(&blob)) {
            let range = placed.base..placed.base + placed.len;
            let _ = super::remove(&target, placed.tid, std::slice::from_ref(&range));
        }
    }
}

fn kill_callers(guest: &Guest, rounds: u32) {
    let mut random = 12345u64;
    for round in 0..rounds {
        let mut caller = Command::new(std::env::current_exe().expect("we run"));
        caller.args(["comes_and_goes", "--ignored", "--nocapture", "--test-threads=1"]);
        caller.env("PAGEWRIGHT_TARGET", guest.pid().to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut caller = caller.spawn().expect("it starts");
        let mut lines = BufReader::new(caller.stdout.take().expect("piped")).lines();
        assert!(
            lines.any(|line| line.is_ok_and(|l| l.ends_with("go"))),
            "round {round}: the caller did not start"
        );
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros((random >> 33) % 2500));
        caller.kill().expect("it runs");
        caller.wait().expect("it is ours");
        assert!(!guest.target().is_ended(), "round {round}: the target died");
    }
    wait_until("the last guardian leaves", || guest.target().state() == State::Live);
}

#[test]
fn a_sleeper_outlives_callers_that_are_killed_half_way() {
    let guest = Guest::start(Command::new("sleep").arg("12")).sleeping_in(libc::SYS_clock_nanosleep);
    kill_callers(&guest, 120);
    let (code, lived, _) = guest.finish();
    assert_eq!(code, Some(0));
    assert!(lived > Duration::from_millis(11_980) && lived < Duration::from_secs(14), "{lived:?}");
}

#[test]
fn busy_threads_keep_their_registers_when_callers_are_killed_half_way() {
    let Some(program) = compiled("outlives", include_str!("busy.c"), &[]) else { return };
    let guest = Guest::start(Command::new(program).arg("10"));
    kill_callers(&guest, 60);
    assert_eq!(guest.finish().0, Some(7));
}
