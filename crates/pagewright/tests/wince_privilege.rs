//! Who may do what: section 3.4 of the facts, kernel mode, and whose memory is a source.

mod wince_support;

use std::os::unix::process::CommandExt;

use pagewright::win32::{MEM_RESERVE, PAGE_READWRITE};
use pagewright::wince::{
    ForeignSources, KernelMode, PAGE_PHYSICAL, Permit, Source, View, allow_foreign_sources,
    enter_kernel_mode, forbid_kernel_mode, in_kernel_mode, leave_kernel_mode, virtual_copy, virtual_copy_ex,
};
use pagewright::{Edges, Process, Protection};

use wince_support::{
    HERE, On, PAGE, SELF, Sleeper, alloc_copy, alone, copy, copy_ex, device, is_alone, kernel, load, passes,
    see_each_other, store, window,
};

const RW: u32 = PAGE_READWRITE;

#[test]
fn r3_4_virtual_copy_is_for_everybody_within_one_process() {
    assert!(!in_kernel_mode());
    let (from, to) = (HERE.memory(PAGE), HERE.reserved(PAGE));
    assert_eq!(copy(to, from, PAGE, RW), Ok(()));
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_4_virtual_copy_ex_in_user_mode_needs_the_active_process_twice() {
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let (from, to) = (HERE.memory(2 * PAGE), HERE.reserved(2 * PAGE));
    let (far, near) = (there.memory(PAGE), there.reserved(PAGE));
    let me = On::id(std::process::id());
    assert_eq!(copy_ex((me, to), (On(SELF), from), PAGE, RW), Ok(()), "under whatever name");
    assert_eq!(copy_ex((HERE, to + PAGE), (there, far), PAGE, RW), Err(5), "their memory, here");
    assert_eq!(copy_ex((there, near), (HERE, from), PAGE, RW), Err(5), "ours, there");
    assert_eq!(copy_ex((there, near), (there, far), PAGE, RW), Err(5), "theirs, there");
    assert_eq!(there.state(near), (MEM_RESERVE, PAGE), "nothing is mapped");
    assert_eq!(HERE.state(to + PAGE), (MEM_RESERVE, PAGE), "nothing is mapped");
    let _mode = kernel();
    assert_eq!(copy_ex((HERE, to + PAGE), (there, far), PAGE, RW), Ok(()));
    assert_eq!(copy_ex((there, near), (HERE, from + PAGE), PAGE, RW), Ok(()));
    see_each_other((HERE, to + PAGE), (there, far));
    see_each_other((HERE, from + PAGE), (there, near));
    HERE.release(from);
    HERE.release(to);
}

#[test]
fn r3_4_a_window_is_not_mapped_into_others_in_user_mode() {
    let (_, base) = window(&device(1), 0, 1, Permit::ReadWrite);
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let to = there.reserved(PAGE);
    let physical = (HERE, (base >> 8) as usize);
    assert_eq!(copy_ex((there, to), physical, PAGE, RW | PAGE_PHYSICAL), Err(5));
    assert_eq!(there.state(to), (MEM_RESERVE, PAGE));
}

#[test]
fn bad_arguments_are_told_before_the_process_and_that_before_the_mode() {
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let nobody = On(std::ptr::null_mut());
    let to = HERE.reserved(PAGE);
    assert_eq!(copy_ex((nobody, to), (there, to), 0, RW), Err(87));
    assert_eq!(copy_ex((nobody, to), (there, to), PAGE, RW), Err(6));
    assert_eq!(copy_ex((HERE, to), (there, to), PAGE, RW), Err(5));
    assert_eq!(alloc_copy((nobody, 0x10000), there, 0, RW), Err(87));
    assert_eq!(alloc_copy((nobody, 0x10000), there, PAGE, RW), Err(6));
    assert_eq!(alloc_copy((HERE, 0x10000), there, PAGE, RW), Err(5));
    HERE.release(to);
}

#[test]
fn kernel_mode_is_one_thread_s() {
    let _mode = kernel();
    assert!(in_kernel_mode());
    let other = std::thread::spawn(|| (in_kernel_mode(), alloc_copy((HERE, 0x10000), HERE, PAGE, RW)));
    assert_eq!(other.join().expect("it ends"), (false, Err(5)));
}

#[test]
fn entering_nests_and_leaving_too_often_does_nothing() {
    leave_kernel_mode();
    assert_eq!(enter_kernel_mode().and_then(|()| enter_kernel_mode()), Ok(()));
    leave_kernel_mode();
    assert!(in_kernel_mode());
    leave_kernel_mode();
    leave_kernel_mode();
    assert!(!in_kernel_mode());
    let token = kernel();
    leave_kernel_mode();
    assert!(in_kernel_mode(), "the token holds");
    drop(token);
    assert!(!in_kernel_mode());
}

#[test]
fn the_typed_form_goes_between_any_two_processes() {
    let mode = kernel();
    let (a, b) = (Sleeper::new(), Sleeper::new());
    let (from, to) = (On::id(a.pid()), On::id(b.pid()));
    let (source, target) = (from.memory(2 * PAGE), to.reserved(2 * PAGE));
    let open = |pid| Process::open(pid).expect("it runs");
    let view = View {
        source: Source::Virtual(source as u64),
        size: 2 * PAGE as u64,
        protection: Protection::READ_WRITE,
        edges: Edges::Strict,
    };
    let receipt = virtual_copy_ex(&mode, (&open(b.pid()), target as u64), &open(a.pid()), &view);
    let receipt = receipt.expect("both live");
    assert_eq!((receipt.base, receipt.shared, receipt.exposed), (target as u64, 2 * PAGE as u64, 0));
    see_each_other((from, source + PAGE), (to, target + PAGE));
}

#[test]
fn the_program_s_own_memory_is_no_source_unless_the_process_says_so() {
    static DATA: [u8; 2 * PAGE] = [7; 2 * PAGE];
    let heap = vec![1_u8; 4 * PAGE];
    let to = HERE.reserved(PAGE);
    let inside = |address: usize| (address + PAGE) & !(PAGE - 1);
    for source in [inside(DATA.as_ptr().addr()), inside(heap.as_ptr().addr())] {
        assert_eq!(copy(to, source, PAGE, RW), Err(5));
        assert_eq!(HERE.state(to), (MEM_RESERVE, PAGE));
    }
    HERE.release(to);
    passes(&mut alone("alone_foreign_sources"));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_foreign_sources() {
    if !is_alone() {
        return;
    }
    let heap = vec![1_u8; 4 * PAGE];
    let source = (heap.as_ptr().expose_provenance() + PAGE) & !(PAGE - 1);
    let to = HERE.reserved(2 * PAGE);
    let view = View {
        source: Source::Virtual(source as u64),
        size: PAGE as u64,
        protection: Protection::READ_WRITE,
        edges: Edges::Strict,
    };
    assert_eq!(virtual_copy(to as u64, &view).map_err(|failure| failure.code()), Err(5));
    allow_foreign_sources(ForeignSources::Allowed);
    assert_eq!(copy(to, source, PAGE, RW), Ok(()));
    assert_eq!(load(to), 1, "what was there before");
    store(to, 2);
    assert_eq!(load(source), 2);
    let on_the_stack = [0_u8; 64];
    assert_eq!(copy(to + PAGE, on_the_stack.as_ptr().addr() & !0xfff, PAGE, RW), Err(50), "a stack");
    allow_foreign_sources(ForeignSources::Refused);
    HERE.decommit(to, PAGE);
    let again = copy(to, source, PAGE, RW);
    assert_eq!(again, Err(5));
}

#[test]
fn kernel_mode_can_be_forbidden() {
    passes(&mut alone("alone_forbidden_by_a_call"));
    passes(alone("alone_forbidden_from_the_start").env("PAGEWRIGHT_KERNEL_MODE", "deny"));
    passes(alone("alone_permitted").env("PAGEWRIGHT_KERNEL_MODE", "allow"));
}

/// Kernel mode cannot be entered, by any way.
fn is_forbidden() {
    let failure = KernelMode::enter().expect_err("forbidden");
    assert_eq!((failure.code(), failure.name()), (5, "ERROR_ACCESS_DENIED"));
    assert!(failure.to_string().contains("forbidden"), "{failure}");
    assert_eq!(enter_kernel_mode().map_err(|failure| failure.code()), Err(5));
    assert!(KernelMode::current().is_none() && !in_kernel_mode());
    assert_eq!(alloc_copy((HERE, 0x10000), HERE, PAGE, RW), Err(5));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_forbidden_by_a_call() {
    if !is_alone() {
        return;
    }
    let held = kernel();
    forbid_kernel_mode();
    assert!(in_kernel_mode(), "who is in it stays");
    assert!(KernelMode::enter().is_err());
    assert!(KernelMode::current().is_some());
    drop(held);
    is_forbidden();
    std::thread::spawn(is_forbidden).join().expect("every thread");
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_forbidden_from_the_start() {
    if !is_alone() {
        return;
    }
    // SAFETY: no other thread of this process looks at its environment meanwhile.
    unsafe { std::env::remove_var("PAGEWRIGHT_KERNEL_MODE") };
    is_forbidden();
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_permitted() {
    assert!(!is_alone() || KernelMode::enter().is_ok());
}

#[test]
fn linux_decides_whose_memory_can_be_had_at_all() {
    const NOBODY: u32 = 65534;
    // SAFETY: no conditions.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: linux_decides_whose_memory_can_be_had_at_all, because only root can change users");
        return;
    }
    let sleeper = Sleeper::new();
    let test = std::env::current_exe().expect("we run");
    if !readable_by_others(&test) {
        println!("skipped: linux_decides_whose_memory_can_be_had_at_all, because nobody cannot run {test:?}");
        return;
    }
    passes(alone("alone_as_nobody").env("TARGET", sleeper.pid().to_string()).uid(NOBODY).gid(NOBODY));
}

fn readable_by_others(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .all(|part| std::fs::metadata(part).is_ok_and(|data| data.permissions().mode() & 1 != 0))
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_as_nobody() {
    if !is_alone() {
        return;
    }
    let target = std::env::var("TARGET").ok().and_then(|pid| pid.parse().ok()).expect("a pid");
    let _mode = kernel();
    let source = HERE.memory(PAGE);
    assert_eq!(alloc_copy((HERE, source), On::id(target), PAGE, RW), Err(5), "root's process");
    assert_eq!(alloc_copy((On::id(target), 0x10000), HERE, PAGE, RW), Err(5), "root's process");
}
