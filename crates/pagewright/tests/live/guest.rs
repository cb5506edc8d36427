//! Programs that are started to be worked on.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pagewright::Process;

use super::{skipped, wait_until};

/// How long a program may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that a test started; it ends with the test.
pub(crate) struct Guest {
    child: Child,
    started: Instant,
    lines: Option<BufReader<ChildStdout>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct End {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) lived: Duration,
    pub(crate) text: String,
}

impl End {
    /// It ended by itself, with `code`, after `seconds`, give or take what a loaded machine adds.
    pub(crate) fn is(&self, code: i32, seconds: f64) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        let lived = self.lived.as_secs_f64();
        assert!(lived > seconds - 0.02 && lived < seconds + 3.0, "lived {lived} s instead of {seconds} s");
    }
}

impl Guest {
    pub(crate) fn start(command: &mut Command) -> Self {
        let started = Instant::now();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, started, lines }
    }

    /// Asleep in `sleep`.
    pub(crate) fn sleeper(seconds: &str) -> Self {
        Self::start(Command::new("sleep").arg(seconds)).asleep_in(libc::SYS_clock_nanosleep)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn process(&self) -> Process {
        Process::open(self.pid()).expect("it runs")
    }

    /// Waits until its first thread sleeps in call `nr`.
    pub(crate) fn asleep_in(self, nr: i64) -> Self {
        self.wait_for_call(nr);
        self
    }

    /// Waits until its first thread sleeps in call `nr`: of reads, in one of its standard
    /// input, since a program that starts reads its libraries too.
    pub(crate) fn wait_for_call(&self, nr: i64) {
        let file = format!("/proc/{}/syscall", self.pid());
        let wanted = if nr == libc::SYS_read { format!("{nr} 0x0 ") } else { format!("{nr} ") };
        wait_until("it sleeps", || fs::read_to_string(&file).is_ok_and(|s| s.starts_with(&wanted)));
    }

    pub(crate) fn signal(&self, number: i32) {
        // SAFETY: a signal to a child of ours that nobody has waited for.
        unsafe { libc::kill(self.pid().cast_signed(), number) };
    }

    /// Waits until its state is this letter.
    pub(crate) fn wait_for_state(&self, letter: char) {
        let wanted = format!(") {letter} ");
        let file = format!("/proc/{}/stat", self.pid());
        wait_until("its state changes", || fs::read_to_string(&file).is_ok_and(|s| s.contains(&wanted)));
    }

    /// Sends a line to its input.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is open");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("it reads");
    }

    /// Ends its input.
    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stdin.take());
    }

    /// The next line of its output.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.as_mut().expect("it is open").read_line(&mut line).expect("it speaks");
        line.trim_end().to_owned()
    }

    /// Ends its input and waits for its end.
    pub(crate) fn finish(mut self) -> End {
        self.hang_up();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            assert!(self.started.elapsed() < PATIENCE, "process {} does not end", self.pid());
            std::thread::sleep(Duration::from_millis(1));
        };
        let lived = self.started.elapsed();
        let mut text = String::new();
        let _ = self.lines.take().map(|mut pipe| pipe.read_to_string(&mut text));
        let _ = self.child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut text));
        End { code: status.code(), lived, text }
    }

    /// Has it killed; what is left is a zombie.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
    }

    /// Takes the zombie away.
    pub(crate) fn reap(mut self) -> u32 {
        self.kill();
        self.child.wait().expect("it is ours");
        self.pid()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that a guest started; it ends with the test.
pub(crate) struct Grandchild {
    pub(crate) pid: u32,
    pidfd: OwnedFd,
}

impl Grandchild {
    pub(crate) fn new(pid: u32) -> Self {
        let number = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
        let pidfd = rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty());
        Self { pid, pidfd: pidfd.expect("it runs") }
    }
}

impl Drop for Grandchild {
    fn drop(&mut self) {
        let (fd, info) = (self.pidfd.as_raw_fd(), std::ptr::null::<u8>());
        // SAFETY: the call takes numbers and a null pointer, which it permits.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, info, 0) };
    }
}

/// A compiled program; its file goes when this does.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.path)
    }

    /// A file that can be executed.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let path = fresh_path();
        fs::write(&path, bytes).expect("the place is writable");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("it is ours");
        Self { path }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A path beside the test program that nobody else uses.
fn fresh_path() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let exe = std::env::current_exe().expect("we run");
    exe.with_file_name(format!("pagewright-guest-{}-{number}", std::process::id()))
}

/// Compiles a C program; `None`, said aloud, where that cannot be done.
pub(crate) fn compiled(name: &str, source: &str, flags: &[&str]) -> Option<Program> {
    let program = Program { path: fresh_path() };
    let file = program.path.with_extension("c");
    fs::write(&file, source).expect("the place is writable");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-pthread"]).args(flags).arg(&file).arg("-o").arg(&program.path);
    let built = compiler.output();
    let _ = fs::remove_file(&file);
    match built {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => skipped(name, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => skipped(name, &format!("there is no C compiler ({error})")),
    }
    None
}

/// Python itself: the command may be a shell script that looks for it.
pub(crate) fn python(name: &str, script: &str) -> Option<Command> {
    let asked = Command::new("python3").args(["-c", "import sys;print(sys.executable,end='')"]).output();
    match asked {
        Ok(output) if output.status.success() => {
            let mut command = Command::new(String::from_utf8_lossy(&output.stdout).into_owned());
            command.args(["-c", script]);
            Some(command)
        }
        Ok(_) | Err(_) => {
            skipped(name, "python3 is not installed");
            None
        }
    }
}
