//! Faults: SIGSEGV where nothing is, SIGBUS where something is that forbids it; the handlers
//! that a program has, before and after the first use of the personality; switching it off.
//!
//! Everything happens in forked children, which tell how it went by how they end.

mod mach_support;

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use mach_support::fault::{BUS, End, SEGV, in_child, leave, load, load_here, store, store_here};
use mach_support::{ANY, L, NONE, On, P, R, RW, W, X, arena, here, me};
use pagewright::mach::{FaultSignals, set_fault_signals};

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// What the handler of a test has seen last.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static COUNT: AtomicI32 = AtomicI32::new(0);
/// What it makes accessible, so that the access is made again and works.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// Notes what it is told, and lets the program go on.
extern "C" fn note(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    SIGNAL.store(signal, Ordering::SeqCst);
    // SAFETY: the kernel hands a valid record over.
    let (at, code) = unsafe { ((*info).si_addr() as u64, (*info).si_code) };
    ADDRESS.store(at, Ordering::SeqCst);
    CODE.store(code, Ordering::SeqCst);
    if COUNT.fetch_add(1, Ordering::SeqCst) > 3 {
        leave(99);
    }
    open(OPEN.load(Ordering::SeqCst));
}

/// Of the older kind.
extern "C" fn note_number(signal: c_int) {
    SIGNAL.store(signal, Ordering::SeqCst);
    open(OPEN.load(Ordering::SeqCst));
}

/// Makes a page accessible without the library.
fn open(at: u64) {
    if at != 0 {
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a page of the test, which nobody relies on.
        unsafe { libc::mmap(at as *mut _, P as usize, prot, flags, -1, 0) };
    }
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a valid value; the handler has the kind that the flags say.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = handler;
        (*action.as_mut_ptr()).sa_flags = flags;
        assert_eq!(libc::sigaction(signal, action.as_ptr(), ptr::null_mut()), 0);
    }
}

fn default(signal: c_int) {
    install(signal, libc::SIG_DFL, 0);
}

/// Who handles a signal.
fn handler(signal: c_int) -> usize {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and there is room for the answer.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        (*action.as_ptr()).sa_sigaction
    }
}

fn expect(ok: bool, code: i32) {
    if !ok {
        leave(code);
    }
}

/// What the handler has seen since the last time.
fn seen() -> (i32, u64, i32) {
    let count = COUNT.swap(0, Ordering::SeqCst);
    (SIGNAL.swap(0, Ordering::SeqCst), ADDRESS.load(Ordering::SeqCst), count)
}

/// The child is one that has no handlers, and has not used the personality.
fn bare() {
    set_fault_signals(FaultSignals::Off);
    default(SIGSEGV);
    default(SIGBUS);
    set_fault_signals(FaultSignals::On);
    default(SIGSEGV);
}

/// A page that forbids everything, made with the calls.
fn closed(on: &On) -> u64 {
    let at = on.fresh(P);
    assert_eq!(on.protect(at, P, NONE), Ok(()));
    at
}

#[test]
fn nothing_there_is_sigsegv_and_forbidden_is_sigbus() {
    here(|on| {
        let at = on.fresh(2 * P);
        assert_eq!((load(at), store(at)), (End::Code(0), End::Code(0)));
        for (prot, loads, stores) in [
            (NONE, End::Signal(BUS), End::Signal(BUS)),
            (R, End::Code(0), End::Signal(BUS)),
            (W, End::Signal(BUS), End::Signal(BUS)),
            (X, End::Code(0), End::Signal(BUS)),
            (RW, End::Code(0), End::Code(0)),
        ] {
            assert_eq!(on.protect(at, P, prot), Ok(()));
            assert_eq!((load(at), store(at)), (loads, stores), "{prot}");
        }
        on.free(at, P);
        assert_eq!((load(at), store(at)), (End::Signal(SEGV), End::Signal(SEGV)));
        assert_eq!(load(at + P), End::Code(0));
        on.free(at + P, P);
    });
}

#[test]
fn large_memory_faults_alike() {
    here(|on| {
        let size = 1 << 20;
        let at = on.fresh(size);
        assert_eq!(on.protect(at + L, L, R), Ok(()));
        assert_eq!((load(at + L), store(at + L)), (End::Code(0), End::Signal(BUS)));
        on.free(at + 2 * L, L);
        assert_eq!(load(at + 2 * L), End::Signal(SEGV));
        on.free(at, size);
    });
}

#[test]
fn addresses_that_are_none_are_sigsegv() {
    here(|on| {
        on.free(on.fresh(P), P);
        assert_eq!(load(8), End::Signal(SEGV));
        assert_eq!(load(arena()), End::Signal(SEGV));
        assert_eq!(load(1 << 63), End::Signal(SEGV), "no user address at all");
    });
}

#[test]
fn memory_of_the_program_itself_counts_as_allocated() {
    here(|on| {
        on.free(on.fresh(P), P);
        let code = memory_of_the_program_itself_counts_as_allocated as *const () as u64;
        assert_eq!(store(code), End::Signal(BUS));
    });
}

#[test]
fn a_process_without_handlers_dies_by_the_right_signal() {
    here(|on| {
        let end = in_child(|| {
            bare();
            store_here(closed(on), 1);
        });
        assert_eq!(end, End::Signal(BUS));
        let end = in_child(|| {
            bare();
            let at = closed(on);
            on.free(at, P);
            store_here(at, 1);
        });
        assert_eq!(end, End::Signal(SEGV));
    });
}

#[test]
fn handlers_that_were_there_get_their_signal_with_the_address() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGSEGV, note as Handler as usize, libc::SA_SIGINFO);
            install(SIGBUS, note as Handler as usize, libc::SA_SIGINFO);
            let at = closed(on);
            OPEN.store(at, Ordering::SeqCst);
            store_here(at + 5, 1);
            expect(seen() == (SIGBUS, at + 5, 1), 1);
            expect(CODE.load(Ordering::SeqCst) > 0, 2);
            expect(load_here(at + 5) == 1, 3);
            let gone = on.fresh(P);
            on.free(gone, P);
            OPEN.store(gone, Ordering::SeqCst);
            store_here(gone + 9, 2);
            expect(seen() == (SIGSEGV, gone + 9, 1), 4);
            expect(CODE.load(Ordering::SeqCst) == 1, 5);
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn handlers_of_the_older_kind_get_their_signal_too() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGSEGV, note_number as extern "C" fn(c_int) as usize, 0);
            install(SIGBUS, note_number as extern "C" fn(c_int) as usize, 0);
            let at = closed(on);
            OPEN.store(at, Ordering::SeqCst);
            store_here(at, 1);
            expect(seen().0 == SIGBUS, 1);
            on.free(at, P);
            // SAFETY: a page of the test.
            unsafe { libc::munmap(at as *mut _, P as usize) };
            store_here(at, 1);
            expect(seen().0 == SIGSEGV, 2);
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn a_handler_that_comes_later_is_chained_to_from_the_next_call_on() {
    here(|on| {
        let end = in_child(|| {
            bare();
            let at = on.fresh(P);
            install(SIGSEGV, note as Handler as usize, libc::SA_SIGINFO);
            install(SIGBUS, note as Handler as usize, libc::SA_SIGINFO);
            expect(on.protect(at, P, NONE) == Ok(()), 1);
            OPEN.store(at, Ordering::SeqCst);
            store_here(at, 1);
            expect(seen() == (SIGBUS, at, 1), 2);
            let gone = arena();
            OPEN.store(gone, Ordering::SeqCst);
            store_here(gone, 1);
            expect(seen() == (SIGSEGV, gone, 1), 3);
        });
        assert_eq!(end, End::Code(0));
    });
}

/// What a handler that chains has found when it was installed.
static BELOW: AtomicU64 = AtomicU64::new(0);

/// Passes everything on to who was there before.
extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    COUNT.fetch_add(1, Ordering::SeqCst);
    // SAFETY: it was found as a handler of this kind.
    let below = unsafe { std::mem::transmute::<usize, Handler>(BELOW.load(Ordering::SeqCst) as usize) };
    below(signal, info, context);
}

#[test]
fn handlers_that_chain_to_each_other_come_to_an_end() {
    here(|on| {
        let end = in_child(|| {
            bare();
            let at = on.fresh(P);
            BELOW.store(handler(SIGSEGV) as u64, Ordering::SeqCst);
            install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO);
            expect(on.protect(at, P, R) == Ok(()), 1);
            expect(handler(SIGSEGV) != chain as Handler as usize, 2);
            // Ours calls theirs, which calls ours: there was nobody before both.
            load_here(arena());
        });
        assert_eq!(end, End::Signal(SEGV));
        let end = in_child(|| {
            bare();
            let at = closed(on);
            BELOW.store(handler(SIGSEGV) as u64, Ordering::SeqCst);
            install(SIGSEGV, chain as Handler as usize, libc::SA_SIGINFO);
            // Theirs calls ours, which has the last word.
            load_here(at);
        });
        assert_eq!(end, End::Signal(BUS));
    });
}

#[test]
fn a_handler_may_jump_away_again_and_again() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGBUS, skip as Handler as usize, libc::SA_SIGINFO);
            install(SIGSEGV, skip as Handler as usize, libc::SA_SIGINFO);
            let at = closed(on);
            let gone = arena();
            for _ in 0..5 {
                expect(probe(at) == 0xee, 1);
                expect(SIGNAL.load(Ordering::SeqCst) == SIGBUS, 2);
                expect(probe(gone) == 0xee, 3);
                expect(SIGNAL.load(Ordering::SeqCst) == SIGSEGV, 4);
            }
        });
        assert_eq!(end, End::Code(0));
    });
}

/// Loads a byte by an instruction of two bytes, which [`skip`] knows.
fn probe(at: u64) -> u64 {
    let mut value: u64;
    // SAFETY: a load, or a handler that goes on behind it with another value.
    unsafe { std::arch::asm!("mov al, [rdi]", in("rdi") at, inout("rax") 0_u64 => value, options(nostack)) };
    value
}

/// Goes on behind the instruction, with a value that says so.
extern "C" fn skip(signal: c_int, _: *mut siginfo_t, context: *mut c_void) {
    SIGNAL.store(signal, Ordering::SeqCst);
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid context over, and takes the registers from there.
    unsafe {
        (*context).uc_mcontext.gregs[libc::REG_RIP as usize] += 2;
        (*context).uc_mcontext.gregs[libc::REG_RAX as usize] = 0xee;
    }
}

#[test]
fn a_blocked_or_ignored_sigbus_ends_the_process_as_any_fault_would() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGBUS, libc::SIG_IGN, 0);
            load_here(closed(on));
        });
        assert_eq!(end, End::Signal(BUS));
        let end = in_child(|| {
            bare();
            install(SIGBUS, note as Handler as usize, libc::SA_SIGINFO);
            let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
            // SAFETY: a valid set.
            unsafe {
                libc::sigemptyset(set.as_mut_ptr());
                libc::sigaddset(set.as_mut_ptr(), SIGBUS);
                libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
            }
            load_here(closed(on));
        });
        assert_eq!(end, End::Signal(BUS));
    });
}

#[test]
fn a_signal_that_somebody_sent_is_not_translated() {
    here(|on| {
        let end = in_child(|| {
            bare();
            closed(on);
            // SAFETY: a signal to this thread.
            unsafe { libc::raise(SIGSEGV) };
        });
        assert_eq!(end, End::Signal(SEGV));
        let end = in_child(|| {
            bare();
            install(SIGSEGV, note as Handler as usize, libc::SA_SIGINFO);
            closed(on);
            // SAFETY: as above.
            unsafe { libc::raise(SIGSEGV) };
            expect(seen().0 == SIGSEGV, 1);
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn switched_off_both_are_sigsegv_and_the_old_handler_is_there_again() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGSEGV, note as Handler as usize, libc::SA_SIGINFO);
            let at = closed(on);
            expect(handler(SIGSEGV) != note as Handler as usize, 1);
            set_fault_signals(FaultSignals::Off);
            expect(handler(SIGSEGV) == note as Handler as usize, 2);
            OPEN.store(at, Ordering::SeqCst);
            store_here(at, 1);
            expect(seen() == (SIGSEGV, at, 1), 3);
            // Nor does a later call put it in place.
            let again = closed(on);
            expect(handler(SIGSEGV) == note as Handler as usize, 4);
            set_fault_signals(FaultSignals::On);
            install(SIGBUS, note as Handler as usize, libc::SA_SIGINFO);
            OPEN.store(again, Ordering::SeqCst);
            store_here(again, 1);
            expect(seen() == (SIGBUS, again, 1), 5);
        });
        assert_eq!(end, End::Code(0));
        let end = in_child(|| {
            bare();
            set_fault_signals(FaultSignals::Off);
            store_here(closed(on), 1);
        });
        assert_eq!(end, End::Signal(SEGV));
    });
}

#[test]
fn switching_off_leaves_a_handler_alone_that_came_later() {
    here(|on| {
        let end = in_child(|| {
            bare();
            closed(on);
            install(SIGSEGV, note as Handler as usize, libc::SA_SIGINFO);
            set_fault_signals(FaultSignals::Off);
            expect(handler(SIGSEGV) == note as Handler as usize, 1);
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn a_handler_on_a_stack_of_its_own_runs_there() {
    extern "C" fn where_am_i(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
        let here = 0_u8;
        ADDRESS.store((&raw const here).addr() as u64, Ordering::SeqCst);
        open(OPEN.load(Ordering::SeqCst));
    }
    here(|on| {
        let end = in_child(|| {
            bare();
            let stack = on.fresh(L);
            let alternative = libc::stack_t { ss_sp: stack as *mut _, ss_flags: 0, ss_size: L as usize };
            // SAFETY: memory of that size that nobody else uses.
            unsafe { libc::sigaltstack(&raw const alternative, ptr::null_mut()) };
            install(SIGBUS, where_am_i as Handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
            install(SIGSEGV, where_am_i as Handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
            for at in [closed(on), arena()] {
                OPEN.store(at, Ordering::SeqCst);
                store_here(at, 1);
                let at = ADDRESS.load(Ordering::SeqCst);
                expect(stack <= at && at < stack + L, 1);
            }
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn the_guard_of_a_stack_is_sigsegv() {
    here(|on| {
        let end = in_child(|| {
            on.free(on.fresh(P), P);
            default(SIGBUS);
            set_fault_signals(FaultSignals::Off);
            default(SIGSEGV);
            set_fault_signals(FaultSignals::On);
            overflow_a_thread();
        });
        assert_eq!(end, End::Signal(SEGV));
    });
}

/// Touches the guard below the stack of a fresh thread.
fn overflow_a_thread() {
    extern "C" fn body(_: *mut c_void) -> *mut c_void {
        // SAFETY: the attributes are those of this thread; the access faults.
        unsafe {
            let mut attributes = MaybeUninit::zeroed();
            libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
            let (mut low, mut size) = (ptr::null_mut(), 0);
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
            load_here(low as u64 - 8);
        }
        ptr::null_mut()
    }
    // SAFETY: a thread that ends with the process.
    unsafe {
        let mut attributes = MaybeUninit::zeroed();
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), 64 << 10);
        let mut thread = MaybeUninit::zeroed();
        libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), body, ptr::null_mut());
        libc::pthread_join(thread.assume_init(), ptr::null_mut());
    }
}

#[test]
fn the_error_number_survives_a_fault() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGBUS, skip as Handler as usize, libc::SA_SIGINFO);
            let at = closed(on);
            // SAFETY: the place of this thread's error number.
            unsafe { *libc::__errno_location() = 4242 };
            probe(at);
            // SAFETY: as above.
            expect(unsafe { *libc::__errno_location() } == 4242, 1);
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn many_threads_may_fault_at_once() {
    here(|on| {
        let end = in_child(|| {
            bare();
            install(SIGBUS, skip as Handler as usize, libc::SA_SIGINFO);
            install(SIGSEGV, skip as Handler as usize, libc::SA_SIGINFO);
            let (at, gone) = (closed(on), arena());
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            expect(probe(at) == 0xee && probe(gone) == 0xee, 1);
                        }
                    });
                }
            });
        });
        assert_eq!(end, End::Code(0));
    });
}

#[test]
fn without_a_call_nothing_is_installed() {
    // Another program of its own: this one has used the personality already.
    let end = in_child(|| {
        set_fault_signals(FaultSignals::Off);
        default(SIGSEGV);
        let before = handler(SIGSEGV);
        expect(me().process.is_current() && handler(SIGSEGV) == before, 1);
        expect(me().allocate(0, P, ANY).is_ok() && handler(SIGSEGV) == before, 2);
    });
    assert_eq!(end, End::Code(0));
}
