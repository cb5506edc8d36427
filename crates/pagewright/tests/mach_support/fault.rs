//! Faults, made in forked children that tell how they ended.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::ptr;

pub(crate) const SEGV: i32 = libc::SIGSEGV;
pub(crate) const BUS: i32 = libc::SIGBUS;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Runs `body` in a forked child.
pub(crate) fn in_child(body: impl FnOnce()) -> End {
    // SAFETY: the child runs the body and leaves without running anything else of this
    // process; it leaves no core file.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork works");
    if child == 0 {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid structure.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
        body();
        // SAFETY: no conditions.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: our child, and a pointer to a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code(libc::WEXITSTATUS(status))
    }
}

/// What a load of the byte at `at` does to a child.
pub(crate) fn load(at: u64) -> End {
    in_child(|| {
        load_here(at);
    })
}

/// What a store to the byte at `at` does to a child.
pub(crate) fn store(at: u64) -> End {
    in_child(|| store_here(at, 1))
}

pub(crate) fn load_here(at: u64) -> u8 {
    // SAFETY: who asks means memory that is there, or a child that may fault.
    unsafe { ptr::with_exposed_provenance::<u8>(at as usize).read_volatile() }
}

pub(crate) fn store_here(at: u64, value: u8) {
    // SAFETY: as above, and nobody else uses the byte.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(at as usize).write_volatile(value) }
}

/// Ends a child from inside of it.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: no conditions.
    unsafe { libc::_exit(code) }
}
