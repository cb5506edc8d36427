//! Handlers, and children that fault.
#![allow(dead_code, reason = "every test file uses a part of it")]

#[path = "../mach_support/fault.rs"]
mod fault;

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};

#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use fault::{BUS, End, SEGV, in_child, leave, load_here, store_here};
use libc::{c_int, c_void, siginfo_t};
use pagewright::win32::*;

pub(crate) const PAGE: u64 = 4096;
pub(crate) const FINE: End = End::Code(0);

pub(crate) type Vectored = unsafe extern "system" fn(*mut EXCEPTION_POINTERS) -> i32;
pub(crate) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

static CODE: AtomicI32 = AtomicI32::new(0);
static KIND: AtomicUsize = AtomicUsize::new(0);
static AT: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static STORY: AtomicU64 = AtomicU64::new(0);

/// What handlers were told since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: i32,
    pub(crate) kind: usize,
    pub(crate) at: u64,
    pub(crate) count: usize,
}

pub(crate) fn seen() -> Seen {
    Seen {
        code: CODE.load(SeqCst),
        kind: KIND.load(SeqCst),
        at: AT.load(SeqCst),
        count: COUNT.swap(0, SeqCst),
    }
}

/// Code, kind and address of a violation.
pub(crate) fn told(pointers: *mut EXCEPTION_POINTERS) -> (i32, usize, u64) {
    // SAFETY: what handlers are given.
    let record = unsafe { *(*pointers).ExceptionRecord };
    if record.NumberParameters != 2 || record.ExceptionFlags != 0 {
        leave(96);
    }
    (record.ExceptionCode, record.ExceptionInformation[0], record.ExceptionInformation[1] as u64)
}

pub(crate) fn note(pointers: *mut EXCEPTION_POINTERS) {
    let (code, kind, at) = told(pointers);
    CODE.store(code, SeqCst);
    KIND.store(kind, SeqCst);
    AT.store(at, SeqCst);
    if COUNT.fetch_add(1, SeqCst) > 100 {
        leave(99);
    }
}

pub(crate) unsafe extern "system" fn note_and_go_on(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    note(pointers);
    EXCEPTION_CONTINUE_EXECUTION
}

pub(crate) unsafe extern "system" fn note_and_open(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    note(pointers);
    protect(AT.load(SeqCst), PAGE_READWRITE);
    EXCEPTION_CONTINUE_EXECUTION
}

pub(crate) unsafe extern "system" fn note_and_open_for_code(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    note(pointers);
    protect(AT.load(SeqCst), PAGE_EXECUTE_READ);
    EXCEPTION_CONTINUE_EXECUTION
}

/// Steps over the instruction of [`skippable_load`].
pub(crate) unsafe extern "system" fn skip_load(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    note(pointers);
    // SAFETY: what handlers are given.
    let context = unsafe { &mut *(*pointers).ContextRecord };
    context.Rip += 3;
    context.Rax = 77;
    EXCEPTION_CONTINUE_EXECUTION
}

/// A load by an instruction of three bytes into `rax`.
pub(crate) fn skippable_load(at: u64) -> u64 {
    let answer;
    // SAFETY: the handler of the test steps over it.
    unsafe { std::arch::asm!("mov rax, [rcx]", in("rcx") at, out("rax") answer) };
    answer
}

/// Adds a digit to the story.
pub(crate) fn tell(digit: u64) {
    STORY.store(STORY.load(SeqCst) * 10 + digit, SeqCst);
    if STORY.load(SeqCst) > 1_000_000_000 {
        leave(95);
    }
}

pub(crate) fn told_story() -> u64 {
    STORY.swap(0, SeqCst)
}

/// Tells a digit; 9 goes on.
pub(crate) unsafe extern "system" fn story<const DIGIT: u64>(_: *mut EXCEPTION_POINTERS) -> i32 {
    tell(DIGIT);
    if DIGIT == 9 { EXCEPTION_CONTINUE_EXECUTION } else { EXCEPTION_CONTINUE_SEARCH }
}

pub(crate) fn add(handler: Vectored) -> usize {
    add_at(1, handler)
}

pub(crate) fn add_at(first: u32, handler: Vectored) -> usize {
    // SAFETY: the handlers of tests are functions, and answer as they have to.
    let handle = unsafe { AddVectoredExceptionHandler(first, Some(handler)) };
    assert!(!handle.is_null());
    handle.addr()
}

pub(crate) fn remove(handle: usize) -> u32 {
    // SAFETY: any number may be given.
    unsafe { RemoveVectoredExceptionHandler(handle as *const _) }
}

pub(crate) fn set_filter(filter: LPTOP_LEVEL_EXCEPTION_FILTER) -> LPTOP_LEVEL_EXCEPTION_FILTER {
    // SAFETY: as above.
    unsafe { SetUnhandledExceptionFilter(filter) }
}

pub(crate) fn pages(count: u64, protection: u32) -> u64 {
    let size = (count * PAGE) as usize;
    // SAFETY: fresh memory.
    let at = unsafe { VirtualAlloc(ptr::null(), size, MEM_RESERVE | MEM_COMMIT, protection) };
    assert!(!at.is_null());
    at as u64
}

pub(crate) fn protect(at: u64, protection: u32) {
    let mut old = 0;
    // SAFETY: a page of the test.
    if unsafe { VirtualProtect(at as *const _, 1, protection, &raw mut old) } == 0 {
        leave(94);
    }
}

pub(crate) fn protection(at: u64) -> u32 {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: room for the answer.
    assert_ne!(unsafe { VirtualQuery(at as *const _, &raw mut record, size_of_val(&record)) }, 0);
    record.Protect
}

pub(crate) fn call(at: u64) {
    // SAFETY: the test has put code there.
    unsafe { std::mem::transmute::<usize, extern "C" fn()>(at as usize)() };
}

/// A stack for signals, which calls of ours can be made on.
pub(crate) fn room(bytes: usize) -> u64 {
    let stack: &'static mut [u8] = vec![0; bytes].leak();
    let wanted = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: bytes };
    // SAFETY: memory of that size that nobody else uses, and that is never given back.
    assert_eq!(unsafe { libc::sigaltstack(&raw const wanted, ptr::null_mut()) }, 0);
    stack.as_ptr() as u64
}

pub(crate) fn install(signal: c_int, handler: usize, flags: c_int) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a valid value; the handler has the kind that the flags say.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = handler;
        (*action.as_mut_ptr()).sa_flags = flags;
        assert_eq!(libc::sigaction(signal, action.as_ptr(), ptr::null_mut()), 0);
    }
}

pub(crate) fn handler(signal: c_int) -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and there is room for the answer.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        (*action.as_ptr()).sa_sigaction
    }
}

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Has a child that panics say so and leave. Done before any fork: a child may find the lock of the hook
/// held by a thread that it does not have.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |what| {
            if !IS_CHILD.load(SeqCst) {
                return usual(what);
            }
            let text = what.to_string();
            // SAFETY: bytes of ours.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            leave(97);
        }));
    });
}

/// Runs a child that has no handler of `SIGSEGV`; what does not hold there is said on its way out.
pub(crate) fn child(body: impl FnOnce()) -> End {
    prepare();
    in_child(|| {
        IS_CHILD.store(true, SeqCst);
        room(256 << 10);
        install(libc::SIGSEGV, libc::SIG_DFL, 0);
        body();
    })
}
