//! A program that the tour starts, and that never outlives it.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::fail::Fail;
use crate::tour::kernel::{self, Census};

/// How often a watcher looks whether its program has ended.
const GLANCE: Duration = Duration::from_millis(2);
/// How long a program may take to get to its work.
const START: Duration = Duration::from_secs(2);

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Its exit code; nothing if a signal ended it.
    pub(super) code: Option<i32>,
    /// How long after its start.
    pub(super) after: Duration,
}

/// A running child. Dropping it ends it, if it has not ended by itself.
#[derive(Debug)]
pub(super) struct Program {
    child: Arc<Mutex<Child>>,
    pid: u32,
    seconds: u64,
    started: Instant,
    ended: Receiver<End>,
    /// What the kernel said about it before anybody touched it.
    pub(super) before: Census,
}

impl Program {
    /// Starts `sleep` and waits until it sleeps.
    pub(super) fn start(seconds: u64) -> Result<Self, Fail> {
        let started = Instant::now();
        let mut command = Command::new("sleep");
        command.arg(seconds.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| Fail::program(format!("cannot start sleep: {error}")))?;
        let pid = child.id();
        let child = Arc::new(Mutex::new(child));
        let ended = watch(Arc::clone(&child), started);
        let before = Census::default();
        let mut program = Self { child, pid, seconds, started, ended, before };
        program.settle()?;
        program.before = Census::of(pid)
            .map_err(|error| Fail::program(format!("cannot look at process {pid} in /proc: {error}")))?;
        Ok(program)
    }

    /// Waits until it sleeps, so that what is counted is not the work of the loader.
    fn settle(&self) -> Result<(), Fail> {
        while kernel::sleeps_in(self.pid).is_none() {
            if self.started.elapsed() > START {
                return Err(Fail::program(format!("process {} (sleep) does not get to its work", self.pid)));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn command(&self) -> String {
        format!("sleep {}", self.seconds)
    }

    /// How long it means to run.
    pub(super) const fn intended(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How long it has still to run.
    pub(super) fn remaining(&self) -> Duration {
        self.intended().saturating_sub(self.started.elapsed())
    }

    /// Waits for its own end, not much longer than it should take.
    pub(super) fn wait(&self) -> Option<End> {
        self.ended.recv_timeout(self.remaining() + Duration::from_secs(2)).ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        // Both do nothing to a child that has ended: its number may be somebody else's by now.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A thread that sees the end of the child within a glance.
fn watch(child: Arc<Mutex<Child>>, started: Instant) -> Receiver<End> {
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || {
        loop {
            match glance(&child) {
                Ok(None) => thread::sleep(GLANCE),
                Ok(Some(code)) => {
                    // Nobody may be listening any more.
                    let _ = tell.send(End { code, after: started.elapsed() });
                    return;
                }
                Err(_) => return,
            }
        }
    });
    ended
}

/// Whether it has ended, and with which code.
fn glance(child: &Mutex<Child>) -> io::Result<Option<Option<i32>>> {
    Ok(lock(child).try_wait()?.map(|status| status.code()))
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}
