//! A thread beside the resident: it waits for messages of the kernel, which the resident cannot do while
//! it waits for callers. It has no libc, takes no memory, and changes nothing. There are two at most: one for
//! guards, which rings for the resident, and one that lets stores to watched memory go on (module `stores`).

use core::sync::atomic::{AtomicU32, Ordering};

use pagewright_linux::machine::pass_store;
use pagewright_linux::ring::Nudge;
use pagewright_linux::sys::{self, Advice, Backing, Errno, Fd, Place, Prot, Timespec};

/// Bytes of its stack, at the end of which its post begins the other way round: the post lies lowest.
const STACK: usize = 32 << 10;

/// Their names, by which nobody takes them for a resident.
const NAMES: [&sys::Text; 2] = [c"pagewright-g", c"pagewright-w"];

/// How long it waits for the messages to be taken before it looks again.
const LOOK_AGAIN: u64 = 100_000_000;

/// What it does about messages.
#[derive(Clone, Copy, Debug)]
pub enum Job {
    /// Rings for the resident, which takes them. What is rung stays where it is until the thread is stopped.
    Nudge(Nudge),
    /// Takes them: each tells of a store to a page that is protected, and which is let pass.
    LetPass,
}

/// What both threads know.
#[derive(Debug)]
struct Post {
    /// 0 once the thread is gone: the kernel sees to that.
    running: AtomicU32,
    /// Rises when the messages were taken.
    taken: AtomicU32,
    messages: i32,
    stop: i32,
    job: Job,
}

/// The thread, as the resident has it.
#[derive(Debug)]
pub struct Pump {
    post: &'static Post,
    stop: Fd,
}

impl Pump {
    /// Starts it; `messages` stays open until it is stopped.
    ///
    /// # Errors
    /// What the kernel, or a filter, says. Nothing is left then.
    pub fn start(messages: i32, job: Job) -> sys::Result<Self> {
        let stop = sys::eventfd()?;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, STACK, Prot::READ_WRITE, Backing::Anonymous) }?;
        // A forked child has no such thread. The advice may be refused.
        // SAFETY: mapped just now.
        let _ = unsafe { sys::madvise(at, STACK, Advice::DontFork) };
        let post = at as *mut Post;
        let (running, taken) = (AtomicU32::new(1), AtomicU32::new(0));
        // SAFETY: mapped just now, large and aligned enough.
        unsafe { post.write(Post { running, taken, messages, stop: stop.raw(), job }) };
        // SAFETY: it stays mapped until the thread is gone, and is changed through atomics only.
        let shared: &'static Post = unsafe { &*post };
        // SAFETY: the stack is fresh and its end a multiple of 16; `run` uses no thread-local memory.
        let started = unsafe { sys::spawn(at + STACK, run, at, &shared.running) };
        if let Err(error) = started {
            unmap(at);
            return Err(error);
        }
        Ok(Self { post: shared, stop })
    }

    /// The messages were taken: it goes on waiting for more.
    pub fn resume(&self) {
        self.post.taken.fetch_add(1, Ordering::Release);
        let _ = sys::futex_wake(&self.post.taken, 1);
    }

    /// Ends it, and returns when it is gone.
    pub fn stop(self) {
        let _ = sys::write(self.stop.raw(), &1_u64.to_ne_bytes());
        self.resume();
        while self.post.running.load(Ordering::Acquire) != 0 {
            let _ = sys::futex_wait(&self.post.running, 1, Timespec::from_nanos(1_000_000));
        }
        unmap(core::ptr::from_ref(self.post) as usize);
    }
}

fn unmap(at: usize) {
    // SAFETY: the mapping is ours, and the thread that used it is gone.
    let _ = unsafe { sys::munmap(at, STACK) };
}

/// The life of the thread.
unsafe extern "C" fn run(post: usize) -> ! {
    // SAFETY: the creator put it there, and unmaps it only when this thread is gone.
    let post = unsafe { &*(post as *const Post) };
    let name = match post.job {
        Job::Nudge(_) => NAMES[0],
        Job::LetPass => NAMES[1],
    };
    let _ = sys::set_thread_name(name);
    loop {
        let taken = post.taken.load(Ordering::Acquire);
        match sys::wait_either([post.messages, post.stop], None) {
            Ok([_, true]) => break,
            Ok([true, false]) => match post.job {
                Job::Nudge(nudge) => {
                    // SAFETY: the server stays where it is as long as the resident serves, and this
                    // thread is stopped before.
                    unsafe { nudge.ring() };
                    let _ = sys::futex_wait(&post.taken, taken, Timespec::from_nanos(LOOK_AGAIN));
                }
                // It must not wait for messages alone: nobody could stop it.
                Job::LetPass if pass_store(post.messages) => {}
                Job::LetPass => break,
            },
            Ok([false, false]) | Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    // SAFETY: nothing waits for this thread but its creator, for the kernel's word that it is gone.
    unsafe { sys::exit_thread(0) }
}
