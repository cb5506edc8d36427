//! PAGE_PHYSICAL: only what the administrator granted. Rows 7 to 9 of section 3.1, the
//! decision of section 9.3, and the calls of sections 7.4 and 7.12.

mod wince_support;

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_FREE, MEM_RESERVE, PAGE_EXECUTE_READ, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE,
};
use pagewright::wince::{
    self, PAGE_PHYSICAL, Permit, PhysicalWindow, Source, View, alloc_phys_mem, grant_physical_window,
    last_receipt, physical_windows, revoke_physical_window, virtual_copy,
};
use pagewright::{Edges, Protection};

use wince_support::{
    GRANULE, HERE, On, PAGE, Sleeper, alloc_copy, copy, copy_ex, device, dup, gave, kernel, load,
    load_faults, physical_place, pointer, said, see_each_other, store, store_faults, window,
};

/// What drivers give for registers.
const REGISTERS: u32 = PAGE_READWRITE | PAGE_NOCACHE | PAGE_PHYSICAL;

fn shifted(physical: u64) -> usize {
    (physical >> 8) as usize
}

fn byte(file: &std::fs::File, at: usize) -> u8 {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("a file");
    byte[0]
}

/// A window that is refused, by the code.
fn refused(change: impl FnOnce(&mut PhysicalWindow)) -> u32 {
    let mut window = PhysicalWindow {
        base: physical_place(),
        length: 2 * PAGE as u64,
        descriptor: dup(&device(4)),
        offset: 0,
        permit: Permit::ReadWrite,
    };
    change(&mut window);
    grant_physical_window(&kernel(), window).expect_err("it is not in order").code()
}

#[test]
fn r9_3_11_without_a_grant_nothing_is_mapped() {
    let to = HERE.reserved(PAGE);
    for physical in [0, 0x1000, 0xa_0000, 0xfee0_0000, 0x1_0000_0000, 0xff_ffff_f000] {
        assert_eq!(copy(to, shifted(physical), PAGE, REGISTERS), Err(5), "{physical:#x}");
        let _mode = kernel();
        assert_eq!(copy(to, shifted(physical), PAGE, REGISTERS), Err(5), "{physical:#x}, kernel mode");
        let null = On(ptr::null_mut());
        assert_eq!(alloc_copy((null, shifted(physical | 0x1000)), HERE, PAGE, REGISTERS), Err(5));
    }
    assert_eq!(HERE.state(to), (MEM_RESERVE, PAGE));
    HERE.release(to);
}

#[test]
fn r3_1_07_a_granted_window_is_the_device() {
    let file = device(4);
    file.write_all_at(b"register", PAGE as u64 + 8).expect("a file");
    let (_, base) = window(&file, 1, 3, Permit::ReadWrite);
    let to = HERE.reserved(GRANULE);
    assert_eq!(copy(to, shifted(base), PAGE, REGISTERS), Ok(()));
    assert_eq!(HERE.read::<8>(to + 8), *b"register", "the window begins at its offset");
    assert_eq!(HERE.query(to).protect, PAGE_READWRITE, "the cache attribute is the reservation's");
    store(to, 9);
    assert_eq!(byte(&file, PAGE), 9, "stores reach the device");
    assert_eq!(
        copy(to + 4 * PAGE, shifted(base + 2 * PAGE as u64), PAGE, REGISTERS),
        Ok(()),
        "its last page"
    );
    store(to + 5 * PAGE - 1, 7);
    assert_eq!(byte(&file, 4 * PAGE - 1), 7);
    HERE.release(to);
    assert_eq!(byte(&file, PAGE), 9, "freeing the view frees no memory");
}

#[test]
fn r3_1_09_the_offset_of_a_physical_address_must_match_too() {
    let file = device(2);
    let (_, base) = window(&file, 0, 2, Permit::ReadWrite);
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, shifted(base + 0x100), 4, REGISTERS), Err(87));
    assert_eq!(copy(to + 0x100, shifted(base + 0x100), 4, REGISTERS), Ok(()));
    store(to + 0x100, 3);
    assert_eq!(byte(&file, 0x100), 3);
    let receipt = last_receipt().expect("it worked");
    assert_eq!((receipt.shared, receipt.exposed), (4, PAGE as u64 - 4), "whole pages, as everywhere");
    HERE.release(to);
}

#[test]
fn a_range_that_leaves_its_window_is_refused() {
    let file = device(4);
    let (_, base) = window(&file, 1, 2, Permit::ReadWrite);
    let to = HERE.reserved(GRANULE);
    let page = PAGE as u64;
    for (physical, size) in
        [(base - page, PAGE), (base - page, 2 * PAGE), (base + page, 2 * PAGE), (base, 2 * PAGE + 1)]
    {
        assert_eq!(copy(to, shifted(physical), size, REGISTERS), Err(5), "{physical:#x} {size:#x}");
    }
    assert_eq!(copy(to, shifted(base), 0, REGISTERS), Err(87));
    assert_eq!(HERE.state(to), (MEM_RESERVE, GRANULE));
    HERE.release(to);
}

#[test]
fn a_read_only_window_stays_read_only() {
    let file = device(1);
    let (_, base) = window(&file, 0, 1, Permit::Read);
    let to = HERE.reserved(PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, REGISTERS), Err(5));
    assert_eq!(copy(to, shifted(base), PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    assert!(!load_faults(to) && store_faults(to));
    assert_eq!(HERE.protect(to, 1, PAGE_READWRITE), Err(5));
    assert_eq!(HERE.protect(to, 1, PAGE_EXECUTE_READ), Ok(PAGE_READONLY));
    let second = HERE.reserved(PAGE);
    assert_eq!(copy(second, to, PAGE, PAGE_READWRITE), Err(5), "nor by an alias");
    HERE.release(to);
    HERE.release(second);
}

#[test]
fn a_window_can_be_shown_for_reading_and_then_for_writing() {
    let file = device(2);
    let (_, base) = window(&file, 0, 2, Permit::ReadWrite);
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    assert_eq!(copy(to + PAGE, shifted(base), PAGE, REGISTERS), Ok(()));
    store(to + PAGE, 5);
    assert_eq!(load(to), 5);
    assert_eq!(HERE.protect(to, 1, PAGE_READWRITE), Ok(PAGE_READONLY), "the window permits it");
    store(to, 6);
    assert_eq!(byte(&file, 0), 6);
    HERE.release(to);
}

#[test]
fn two_windows_of_one_device_are_two() {
    let file = device(4);
    let (_, low) = window(&file, 0, 2, Permit::Read);
    let (_, high) = window(&file, 2, 2, Permit::ReadWrite);
    let to = HERE.reserved(4 * PAGE);
    assert_eq!(copy(to, shifted(low), 2 * PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    assert_eq!(copy(to + 2 * PAGE, shifted(high), 2 * PAGE, REGISTERS), Ok(()));
    store(to + 3 * PAGE, 1);
    assert_eq!(byte(&file, 3 * PAGE), 1);
    assert_eq!(HERE.protect(to, 1, PAGE_READWRITE), Err(5), "each keeps its own limit");
    HERE.release(to);
}

#[test]
fn user_mode_may_use_what_was_granted_in_its_own_process() {
    let file = device(1);
    let (_, base) = window(&file, 0, 1, Permit::ReadWrite);
    assert!(!wince::in_kernel_mode());
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, REGISTERS), Ok(()));
    assert_eq!(copy_ex((HERE, to + PAGE), (HERE, shifted(base)), PAGE, REGISTERS), Ok(()));
    see_each_other((HERE, to), (HERE, to + PAGE));
    HERE.release(to);
}

#[test]
fn kernel_mode_shows_a_window_in_another_process() {
    let _mode = kernel();
    let file = device(2);
    let (_, base) = window(&file, 0, 2, Permit::ReadWrite);
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let to = there.reserved(2 * PAGE);
    assert_eq!(copy_ex((there, to), (HERE, shifted(base)), PAGE, REGISTERS), Ok(()));
    there.write(to + 3, b"!");
    assert_eq!(byte(&file, 3), b'!');
    let at = alloc_copy((HERE, shifted(base)), there, 2 * PAGE, REGISTERS).expect("granted");
    see_each_other((there, to), (there, at));
}

#[test]
fn windows_that_are_not_in_order_are_refused() {
    assert_eq!(refused(|window| window.base += 1), 87);
    assert_eq!(refused(|window| window.length += 1), 87);
    assert_eq!(refused(|window| window.length = 0), 87);
    assert_eq!(refused(|window| window.offset = 0x800), 87);
    assert_eq!(refused(|window| window.base = !0xfff), 87, "wraps around");
    assert_eq!(refused(|window| window.offset = i64::MAX as u64 & !0xfff), 87, "no file is as long");
    assert_eq!(refused(|window| window.offset = 3 * PAGE as u64), 87, "the file ends before");
    let (_, base) = window(&device(4), 0, 4, Permit::ReadWrite);
    assert_eq!(refused(|window| window.base = base + 3 * PAGE as u64), 87, "overlaps another one");
    assert_eq!(refused(|window| window.base = base - PAGE as u64), 87, "overlaps another one");
}

#[test]
fn r9_3_11_all_of_memory_is_no_window() {
    for path in ["/dev/mem", "/dev/null", "/dev/zero"] {
        let Ok(all) = std::fs::File::options().read(true).write(true).open(path) else {
            println!("skipped: r9_3_11_all_of_memory_is_no_window for {path}, because it cannot be opened");
            continue;
        };
        assert_eq!(refused(|window| window.descriptor = OwnedFd::from(all)), 5, "{path}");
    }
}

#[test]
fn descriptors_must_suit_what_the_window_permits() {
    let file = device(4);
    rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::SHRINK).expect("it can be sealed");
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let reader = std::fs::File::open(&path).expect("ours");
    assert_eq!(refused(|window| window.descriptor = dup(&reader)), 5, "opened for reading");
    let (_, base) = window(&reader, 0, 1, Permit::Read);
    let to = HERE.reserved(PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, PAGE_READONLY | PAGE_PHYSICAL), Ok(()));
    HERE.release(to);
    let plain = std::env::current_exe().and_then(std::fs::File::open).expect("we run");
    let shrinks = |window: &mut PhysicalWindow| {
        window.descriptor = OwnedFd::from(plain);
        window.permit = Permit::Read;
    };
    assert_eq!(refused(shrinks), 5, "a file that could shrink is a signal waiting to happen");
}

#[test]
fn windows_are_listed_and_revoked() {
    let mode = kernel();
    let (id, base) = window(&device(3), 0, 3, Permit::ReadWrite);
    assert!(physical_windows().contains(&(id, base, 3 * PAGE as u64)));
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, REGISTERS), Ok(()));
    revoke_physical_window(&mode, id).expect("granted");
    assert!(!physical_windows().iter().any(|window| window.0 == id));
    assert_eq!(revoke_physical_window(&mode, id).map_err(|failure| failure.code()), Err(87));
    assert_eq!(copy(to + PAGE, shifted(base), PAGE, REGISTERS), Err(5));
    store(to, 1);
    assert_eq!(load(to), 1, "what was shown stays");
    HERE.release(to);
}

#[test]
fn edges_of_physical_pages() {
    let (_, base) = window(&device(2), 0, 2, Permit::ReadWrite);
    let to = HERE.reserved(4 * PAGE) as u64;
    let view = |offset, size, edges| View {
        source: Source::Physical(base + offset),
        size,
        protection: Protection::READ_WRITE,
        edges,
    };
    let code = |result: Result<_, wince::Failure>| result.map(drop).map_err(|failure| failure.code());
    assert_eq!(code(virtual_copy(to + 8, &view(8, 8, Edges::Strict))), Err(87));
    assert_eq!(code(virtual_copy(to + 8, &view(8, 8, Edges::Split))), Err(50), "reading may have effects");
    assert_eq!(code(virtual_copy(to, &view(0, 0x2000, Edges::Split))), Ok(()), "nothing to split");
    assert_eq!(code(virtual_copy(to + 0x2000, &view(0, 0x1000, Edges::Strict))), Ok(()));
    assert_eq!(code(virtual_copy(to + 0x3008, &view(8, 8, Edges::Whole))), Ok(()));
    HERE.release(to as usize);
}

#[test]
fn s7_12_mm_map_io_space_answers_the_exact_place() {
    let file = device(3);
    file.write_all_at(b"id", 0x1004).expect("a file");
    let (_, base) = window(&file, 0, 3, Permit::ReadWrite);
    // SAFETY: nobody else uses the device.
    let map = |at: u64, size, cached| gave(|| unsafe { wince::MmMapIoSpace(at.cast_signed(), size, cached) });
    let at = map(base + 0x1004, 0x1000, 0).expect("granted");
    assert_eq!((at % PAGE, HERE.read::<2>(at)), (4, *b"id"));
    assert_eq!(HERE.query(at).protect, PAGE_READWRITE | PAGE_NOCACHE);
    assert_eq!(HERE.state(at), (MEM_COMMIT, 2 * PAGE));
    // SAFETY: nobody uses it any more.
    unsafe { wince::MmUnmapIoSpace(pointer(at), 0x1000) };
    assert_eq!(HERE.state(at).0, MEM_FREE);
    let cached = map(base, 1, 1).expect("granted");
    assert_eq!(HERE.query(cached).protect, PAGE_READWRITE);
    HERE.release(cached);
    assert_eq!(map(base, 0, 0), Err(87));
    assert_eq!(map(base + 3 * PAGE as u64, 1, 0), Err(5));
    assert_eq!(map(u64::MAX, 1, 0), Err(87));
}

#[test]
fn s7_12_create_static_mapping_needs_kernel_mode() {
    let (_, base) = window(&device(1), 0, 1, Permit::ReadWrite);
    let low = u32::try_from(base >> 8).expect("40 bits");
    // SAFETY: nobody else uses the device.
    let map = |size| gave(|| unsafe { wince::CreateStaticMapping(low, size) });
    assert_eq!(map(PAGE as u32), Err(5));
    let _mode = kernel();
    assert_eq!(map(0), Err(87));
    let at = map(PAGE as u32).expect("granted");
    assert_eq!(HERE.query(at).protect, PAGE_READWRITE | PAGE_NOCACHE);
    HERE.release(at);
}

#[test]
fn s7_4_physical_memory_is_allocated_with_a_token() {
    let mode = kernel();
    let mut physical = 0;
    // SAFETY: the pointer is valid.
    let at = gave(|| unsafe {
        wince::AllocPhysMem(PAGE as u32 + 1, PAGE_READWRITE, 0xffff, 0, &raw mut physical)
    });
    let at = at.expect("there is room");
    assert_eq!((at % GRANULE, physical as usize % GRANULE), (0, 0), "both on 64 KiB");
    assert_eq!(HERE.state(at), (MEM_COMMIT, 2 * PAGE), "whole pages");
    assert_eq!(HERE.read::<16>(at), [0; 16]);
    let to = HERE.reserved(2 * PAGE);
    assert_eq!(copy(to, shifted(u64::from(physical)), 2 * PAGE, REGISTERS), Ok(()));
    see_each_other((HERE, at + PAGE), (HERE, to + PAGE));
    let other = alloc_phys_mem(&mode, PAGE as u64, Protection::READ_WRITE, 0xf_ffff).expect("there is room");
    assert_eq!(other.physical % 0x10_0000, 0, "the alignment that was asked for");
    assert_ne!(other.physical, u64::from(physical));
    for address in [at, other.address as usize] {
        // SAFETY: nobody uses it any more.
        assert_eq!(said(|| unsafe { wince::FreePhysMem(pointer(address)) }), Ok(()));
        assert_eq!(HERE.state(address).0, MEM_FREE);
    }
    HERE.release(to);
}

#[test]
fn s7_4_bad_arguments_and_user_mode_are_refused() {
    let mut physical = 0x77;
    let at = &raw mut physical;
    let call = |size, protect, mask, flags, at| {
        // SAFETY: the pointer is valid or NULL.
        gave(|| unsafe { wince::AllocPhysMem(size, protect, mask, flags, at) })
    };
    assert_eq!(call(4096, PAGE_READWRITE, 0, 0, at), Err(5));
    // SAFETY: nothing is there.
    assert_eq!(said(|| unsafe { wince::FreePhysMem(pointer(0x10000)) }), Err(5));
    let _mode = kernel();
    assert_eq!(call(0, PAGE_READWRITE, 0, 0, at), Err(87));
    assert_eq!(call(4096, 0, 0, 0, at), Err(87));
    assert_eq!(call(4096, PAGE_READWRITE, 0xff0f, 0, at), Err(87));
    assert_eq!(call(4096, PAGE_READWRITE, 0, 1, at), Err(87));
    assert_eq!(call(4096, PAGE_READWRITE, 0, 0, ptr::null_mut()), Err(87));
    assert_eq!(call(0xf000_0000, PAGE_READWRITE, 0, 0, at), Err(8), "more than there are addresses");
    assert_eq!(physical, 0x77, "untouched");
    // SAFETY: nothing is there.
    assert_eq!(said(|| unsafe { wince::FreePhysMem(pointer(0x10000)) }), Err(87));
}

/// A descriptor of the kernel's own memory that cannot be opened a second time, nor sealed,
/// as those of devices cannot: an array for programs in the kernel, of one page.
fn kernel_array() -> Option<OwnedFd> {
    const ARRAY: u32 = 2;
    const MAPPABLE: u32 = 1 << 10;
    let attributes: [u32; 32] = {
        let mut words = [0; 32];
        words[..5].copy_from_slice(&[ARRAY, 4, PAGE as u32, 1, MAPPABLE]);
        words
    };
    let size = size_of_val(&attributes);
    // SAFETY: the kernel reads the attributes, which are all there.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), size) };
    // SAFETY: the number was made just now, for nobody else.
    (fd >= 0).then(|| unsafe { std::os::fd::FromRawFd::from_raw_fd(fd as i32) })
}

#[test]
fn a_descriptor_that_is_no_file_can_be_a_window() {
    let Some(descriptor) = kernel_array() else {
        println!(
            "skipped: a_descriptor_that_is_no_file_can_be_a_window, because there is none for this user"
        );
        return;
    };
    let mode = kernel();
    let base = physical_place();
    let permit = Permit::ReadWrite;
    let window = PhysicalWindow { base, length: PAGE as u64, descriptor, offset: 0, permit };
    let id = grant_physical_window(&mode, window).expect("it is in order");
    let to = HERE.reserved(4 * PAGE);
    assert_eq!(copy(to, shifted(base), PAGE, REGISTERS), Ok(()));
    assert_eq!(copy(to + 2 * PAGE, shifted(base), PAGE, REGISTERS), Ok(()));
    see_each_other((HERE, to + PAGE - 8), (HERE, to + 3 * PAGE - 8));
    assert_eq!(copy(to + PAGE, to, PAGE, PAGE_READONLY), Ok(()), "an alias of the alias");
    assert_eq!(HERE.read::<8>(to + PAGE), HERE.read::<8>(to));
    assert_eq!(HERE.protect(to, 1, PAGE_READONLY), Ok(PAGE_READWRITE));
    assert!(store_faults(to));
    HERE.decommit(to, PAGE);
    assert!(load_faults(to));
    HERE.alloc(to, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
    assert_eq!(HERE.read::<16>(to), [0; 16], "memory of its own");
    let sleeper = Sleeper::new();
    let there = On::id(sleeper.pid());
    let target = there.reserved(PAGE);
    assert_eq!(copy_ex((there, target), (HERE, shifted(base)), PAGE, REGISTERS), Err(50), "nor in others");
    assert_eq!(there.state(target), (MEM_RESERVE, PAGE));
    revoke_physical_window(&mode, id).expect("granted");
    HERE.release(to);
}
