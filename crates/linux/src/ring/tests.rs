//! Rings between threads and between processes.

use super::layout::{Memory, RING_LEN};
use super::protocol::Progress;
use super::*;
use crate::sys::{Fd, OpenMode};
use core::sync::atomic::Ordering::SeqCst;
use std::ffi::CString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{format, println, thread, vec, vec::Vec};

const ECHO: u64 = 1;
const STOP: u64 = 2;
/// Waits for a letter on the test's channel before it answers.
const SLOW: u64 = 3;

const SECOND: u64 = 1_000_000_000;

/// Answers with the request plus one per word; `ECHO` also reverses that many bytes of data.
struct Tester {
    served: u64,
    idle: u64,
    started_slow: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Handler for Tester {
    fn serve(&mut self, request: &Frame, data: &mut DataArea<'_>, reply: &mut Frame) -> Next {
        self.served += 1;
        *reply = request.map(|word| word.wrapping_add(1));
        match request[0] {
            STOP => return Next::Stop,
            SLOW => {
                self.started_slow.send(()).unwrap();
                self.go_on.recv().unwrap();
            }
            _ => {
                let mut bytes = vec![0; (request[1] as usize).min(DATA_LEN)];
                data.read(0, &mut bytes);
                bytes.reverse();
                data.write(0, &bytes);
            }
        }
        Next::Continue
    }

    fn idle(&mut self) -> Next {
        self.idle += 1;
        Next::Continue
    }
}

/// A resident on a thread of this process.
struct Resident {
    path: CString,
    thread: Option<thread::JoinHandle<(u64, u64)>>,
    started_slow: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

impl Resident {
    fn start() -> Resident {
        let (started, started_slow) = mpsc::channel();
        let (go_on, wait) = mpsc::channel();
        let mut server = Server::create().unwrap();
        server.open(Identity { build: [1, 2], region: (0x1000, 0x2000) });
        let path = path_of(std::process::id(), server.fd());
        let thread = Some(thread::spawn(move || {
            let mut tester = Tester { served: 0, idle: 0, started_slow: started, go_on: wait };
            server.serve(&mut tester);
            // Callers that come late must find the ring, if only to be refused.
            std::mem::forget(server);
            (tester.served, tester.idle)
        }));
        Resident { path, thread, started_slow, go_on }
    }

    fn client(&self) -> Client {
        let mut client = connect(&self.path).unwrap();
        client.claim_any(SECOND).unwrap();
        client
    }

    fn stop(&mut self) -> (u64, u64) {
        self.client().call(&frame(STOP), || true).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

fn path_of(pid: u32, fd: i32) -> CString {
    CString::new(format!("/proc/{pid}/fd/{fd}")).unwrap()
}

fn connect(path: &CString) -> Result<Client, RingError> {
    Client::open(sys::open(path, OpenMode::ReadWrite).unwrap())
}

fn frame(op: u64) -> Frame {
    let mut frame = [7; 16];
    frame[0] = op;
    frame[1] = 0;
    frame
}

#[test]
fn many_callers_get_their_own_answers() {
    let mut resident = Resident::start();
    let clients: Vec<_> = (0..4).map(|_| resident.client()).collect();
    let threads = clients.into_iter().enumerate().map(|(who, mut client)| {
        thread::spawn(move || {
            for i in 0..5_000 {
                let mut request = frame(ECHO);
                (request[2], request[15]) = (who as u64 * 1_000_000, i);
                let reply = client.call(&request, || true).unwrap();
                assert_eq!((reply[2], reply[15]), (request[2] + 1, i + 1));
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(resident.stop().0, 20_001);
}

#[test]
fn data_travels_both_ways_and_is_clamped() {
    let mut resident = Resident::start();
    let mut client = resident.client();
    let bytes: Vec<u8> = (0..1001).map(|i| i as u8).collect();
    assert_eq!(client.copy_data_in(&bytes, || true), Ok(1001));
    let mut request = frame(ECHO);
    request[1] = 1001;
    client.call(&request, || true).unwrap();
    let mut back = vec![0; 1001];
    assert_eq!(client.copy_data_out(&mut back), Ok(1001));
    assert!(back.iter().rev().eq(&bytes));

    assert_eq!(client.copy_data_in(&vec![1; DATA_LEN + 1], || true), Ok(DATA_LEN));
    assert_eq!(client.copy_data_out(&mut vec![0; DATA_LEN * 2]), Ok(DATA_LEN));
    drop(client);
    resident.stop();
}

#[test]
fn a_sleeping_resident_wakes_and_an_idle_one_looks_around() {
    let mut resident = Resident::start();
    let mut client = resident.client();
    thread::sleep(Duration::from_millis(1200));
    let start = Instant::now();
    client.call(&frame(ECHO), || true).unwrap();
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    assert!(matches!(resident.stop(), (2, 1..=3)));
}

#[test]
fn info_is_what_the_resident_said() {
    let mut resident = Resident::start();
    let info = resident.client().info().unwrap();
    assert_eq!((info.state, info.build, info.region), (State::Ready, [1, 2], (0x1000, 0x2000)));
    assert_eq!((info.pid, info.ring.1), (std::process::id(), RING_LEN as u64));
    resident.stop();
}

#[test]
fn after_the_stop_everybody_is_refused() {
    let mut resident = Resident::start();
    let mut late = resident.client();
    let mut waiting = resident.client();
    let mut busy = resident.client();
    let busy = thread::spawn(move || busy.call(&frame(SLOW), || true));
    resident.started_slow.recv().unwrap();
    let mut stopper = resident.client();
    // Both are posted while the resident is busy: the stop is in the higher slot, so the other one
    // is served first; a third comes after the stop.
    let waiting = thread::spawn(move || waiting.call(&frame(ECHO), || true));
    let stopper = thread::spawn(move || stopper.call(&frame(STOP), || true));
    thread::sleep(Duration::from_millis(50));
    resident.go_on.send(()).unwrap();
    busy.join().unwrap().unwrap();
    waiting.join().unwrap().unwrap();
    stopper.join().unwrap().unwrap();
    resident.thread.take().unwrap().join().unwrap();
    assert_eq!(late.call(&frame(ECHO), || true), Err(RingError::Stopped));
    assert_eq!(late.info().unwrap().state, State::Stopping);
    assert_eq!(late.call(&frame(ECHO), || true), Err(RingError::Stopped));
}

#[test]
fn a_ninth_caller_is_told_that_all_slots_are_busy() {
    let mut resident = Resident::start();
    let mut eight: Vec<_> = (0..SLOTS).map(|_| resident.client()).collect();
    let mut ninth = connect(&resident.path).unwrap();
    assert_eq!(ninth.claim_any(5_000_000), Err(RingError::Busy));
    assert_eq!(ninth.call(&frame(ECHO), || true), Err(RingError::Busy));
    assert_eq!(ninth.claim(99), Ok(false));
    eight[3].release().unwrap();
    assert_eq!(ninth.claim_any(SECOND), Ok(3));
    drop(eight.remove(0));
    resident.stop();
}

#[test]
fn a_dead_resident_is_noticed() {
    let memory = Memory::create().unwrap();
    memory.introduce(&Info {
        state: State::Ready,
        build: [0; 2],
        pid: 0,
        tid: 0,
        region: (0, 0),
        ring: (0, 0),
        started: 0,
    });
    let mut client = connect(&path_of(std::process::id(), memory.fd())).unwrap();
    client.claim_any(SECOND).unwrap();
    let mut asked = 0;
    let gone = client.call(&frame(ECHO), || {
        asked += 1;
        asked < 3
    });
    assert_eq!((gone, asked), (Err(RingError::Gone), 3));

    // Died while it served: then nobody knows.
    let begin = |memory: &Memory| while !memory.slot(0).unwrap().line().begin() {};
    thread::scope(|scope| {
        scope.spawn(|| begin(&memory));
        assert_eq!(client.call(&frame(ECHO), || false), Err(RingError::Unanswered));
    });
    assert!(matches!(memory.slot(0).unwrap().line().look(), Progress::Pending(_)));
    assert_eq!(client.call(&frame(ECHO), || false), Err(RingError::Unanswered));
}

#[test]
fn what_is_not_a_ring_is_refused() {
    let refusal = |fd: Fd| Client::open(fd).map(drop).unwrap_err();
    assert_eq!(refusal(sys::open(c"/dev/null", OpenMode::ReadWrite).unwrap()), RingError::NotARing);
    let memfd = |len: u64, seals: u32| {
        let fd = sys::memfd_create(c"x").unwrap();
        sys::ftruncate(fd.raw(), len).unwrap();
        sys::add_seals(fd.raw(), seals).unwrap();
        fd
    };
    let all = sys::SEAL_SEAL | sys::SEAL_GROW | sys::SEAL_SHRINK;
    assert_eq!(refusal(memfd(0, 0)), RingError::NotReady);
    assert_eq!(refusal(memfd(RING_LEN as u64, 0)), RingError::NotReady);
    assert_eq!(refusal(memfd(4096, 0)), RingError::NotARing);
    assert_eq!(refusal(memfd(4096, all)), RingError::NotARing);
    assert_eq!(refusal(memfd(RING_LEN as u64, all)), RingError::NotReady);

    let header = |word: u64, value: u32| {
        let server = Server::create().unwrap();
        server.set_state(State::Ready);
        let bytes = [b"pgwrRing".as_slice(), &LAYOUT_VERSION.to_le_bytes(), &1_u32.to_le_bytes()];
        let mut bytes = bytes.concat();
        bytes[word as usize..][..4].copy_from_slice(&value.to_le_bytes());
        sys::write(server.fd(), &bytes).unwrap();
        connect(&path_of(std::process::id(), server.fd()))
    };
    assert!(header(12, 1).is_ok());
    assert_eq!(header(0, 0).unwrap_err(), RingError::NotARing);
    assert_eq!(header(8, 99).unwrap_err(), RingError::Version(99));
    assert_eq!(header(12, 77).unwrap().info(), Err(RingError::Protocol));
}

#[test]
fn nonsense_in_a_line_is_an_error_for_the_caller_and_nothing_for_the_resident() {
    let mut resident = Resident::start();
    let mut client = resident.client();
    let number = client.slot().unwrap();
    let hostile = Memory::open(sys::open(&resident.path, OpenMode::ReadWrite).unwrap()).unwrap();
    let slot = hostile.slot(number).unwrap();
    hostile.bell().pending.store(!0, SeqCst);
    slot.line().state.store(77, SeqCst);
    assert_eq!(client.call(&frame(ECHO), || true), Err(RingError::Protocol));
    slot.line().state.store(0, SeqCst);
    hostile.bell().sleeping.store(55, SeqCst);
    hostile.bell().pending.store(!0, SeqCst);
    client.call(&frame(ECHO), || true).unwrap();
    drop(client);
    resident.stop();
}

// --------------------------------------------------------------- a caller in another process

/// Not a test: what the other process runs, told by its environment.
#[test]
fn child() {
    let Ok(path) = std::env::var("PAGEWRIGHT_TEST_RING") else { return };
    let op = std::env::var("PAGEWRIGHT_TEST_OP").unwrap().parse().unwrap();
    let mut client = connect(&CString::new(path).unwrap()).unwrap();
    client.claim(0).unwrap();
    println!("\nclaimed");
    for _ in 0..1000 {
        client.call(&frame(op), || true).unwrap();
    }
    println!("called");
    thread::sleep(Duration::from_secs(60));
}

fn caller(resident: &Resident, op: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ring::tests::child", "--nocapture"])
        .env("PAGEWRIGHT_TEST_RING", resident.path.to_str().unwrap())
        .env("PAGEWRIGHT_TEST_OP", format!("{op}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for(child: &mut Child, word: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == word), "the child said {word}");
}

#[test]
fn another_process_is_served_and_its_death_frees_the_slot() {
    let mut resident = Resident::start();
    let mut other = caller(&resident, ECHO);
    wait_for(&mut other, "called");
    let mut client = connect(&resident.path).unwrap();
    assert_eq!(client.claim(0), Ok(false));
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(client.claim(0), Ok(true));
    client.call(&frame(ECHO), || true).unwrap();
    drop(client);
    assert_eq!(resident.stop().0, 1002);
}

#[test]
fn the_slot_of_a_caller_that_died_while_served_is_taken_over_when_that_is_done() {
    let mut resident = Resident::start();
    let mut other = caller(&resident, SLOW);
    resident.started_slow.recv().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();

    let mut client = connect(&resident.path).unwrap();
    assert_eq!(client.claim(0), Ok(true));
    let mut go_on = Some(resident.go_on.clone());
    let reply = client.call(&frame(ECHO), || {
        // Asked while it waits for the dead caller's request: only now may that finish.
        go_on.take().into_iter().for_each(|go_on| go_on.send(()).unwrap());
        true
    });
    assert_eq!(reply.unwrap()[0], ECHO + 1);
    assert!(go_on.is_none(), "it did wait");
    drop(client);
    assert_eq!(resident.stop().0, 3);
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture round_trip"]
fn round_trip() {
    let mut resident = Resident::start();
    let mut client = resident.client();
    let mut measure = |what: &str, runs: usize, pause: Duration| {
        let mut times: Vec<_> = (0..runs)
            .map(|_| {
                if pause > Duration::ZERO {
                    thread::sleep(pause);
                }
                let start = Instant::now();
                client.call(&frame(ECHO), || true).unwrap();
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{what}: best tenth {:?}, median {:?}", times[runs / 10], times[runs / 2]);
    };
    measure("spinning", 100_000, Duration::ZERO);
    measure("from sleep", 300, Duration::from_millis(2));
    drop(client);
    resident.stop();
}
