//! Heaps and messages.

use std::ptr;

use pagewright::win32::*;

fn last() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetLastError() }
}

fn fill(block: *mut std::ffi::c_void, size: usize, byte: u8) {
    // SAFETY: the test asked for as many bytes.
    unsafe { ptr::write_bytes(block.cast::<u8>(), byte, size) };
}

fn all(block: *mut std::ffi::c_void, range: std::ops::Range<usize>, byte: u8) -> bool {
    // SAFETY: as above.
    range.into_iter().all(|at| unsafe { block.cast::<u8>().add(at).read() } == byte)
}

#[test]
fn blocks_have_the_size_that_was_asked_for() {
    // SAFETY: blocks of this test's own.
    unsafe {
        let heap = GetProcessHeap();
        for size in [0, 1, 15, 16, 17, 4096, 1 << 20] {
            let block = HeapAlloc(heap, HEAP_ZERO_MEMORY, size);
            assert!(!block.is_null() && block.addr().is_multiple_of(16));
            assert_eq!(HeapSize(heap, 0, block), size);
            assert!(all(block, 0..size, 0));
            fill(block, size, 5);
            let larger = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, size + 100);
            assert!(all(larger, 0..size, 5) && all(larger, size..size + 100, 0));
            let smaller = HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, larger, size / 2);
            assert_eq!((smaller, HeapSize(heap, 0, smaller)), (larger, size / 2), "it stays");
            assert_eq!(HeapValidate(heap, 0, smaller), TRUE);
            assert!(HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, smaller, 1 << 24).is_null());
            assert!(all(smaller, 0..size / 2, 5), "as it was");
            SetLastError(77);
            assert_eq!(HeapFree(heap, 0, smaller), TRUE);
            assert_eq!(last(), 77, "success leaves the last error alone");
        }
        for huge in [usize::MAX, usize::MAX - 15, isize::MAX as usize] {
            assert!(HeapAlloc(heap, 0, huge).is_null());
            assert_eq!(last(), 77, "and so does this call");
        }
        assert_eq!(HeapFree(heap, 0, ptr::null()), TRUE);
        assert_eq!((HeapSize(heap, 0, ptr::null()), HeapValidate(heap, 0, ptr::null())), (usize::MAX, TRUE));
        assert_eq!((HeapDestroy(heap), last()), (FALSE, 6), "that of the process stays");
    }
}

#[test]
fn a_heap_of_its_own_goes_with_all_its_blocks() {
    // SAFETY: blocks of this test's own.
    unsafe {
        let (heap, limited) = (HeapCreate(0, 0, 0), HeapCreate(0, 4096, 1 << 16));
        assert!(!heap.is_null() && heap != limited && heap != GetProcessHeap());
        let blocks: Vec<_> = (0..100).map(|size| HeapAlloc(heap, 0, size)).collect();
        assert!(blocks.iter().all(|block| !block.is_null()));
        let elsewhere = HeapAlloc(limited, 0, 10);
        assert_eq!((HeapFree(heap, 0, elsewhere), last()), (FALSE, 87), "a block of another heap");
        assert_eq!((HeapFree(heap, 0, pointer(0x1234)), last()), (FALSE, 87), "no block");
        assert_eq!(HeapSize(heap, 0, pointer(0xdead_beef)), usize::MAX);
        assert!(HeapReAlloc(heap, 0, elsewhere, 5).is_null());
        assert_eq!(HeapFree(heap, 0, blocks[3]), TRUE);
        assert_eq!((HeapFree(heap, 0, blocks[3]), last()), (FALSE, 87), "given back twice");
        assert!(HeapAlloc(limited, 0, 1 << 16).is_null(), "the limit is kept to");
        let most = HeapAlloc(limited, 0, (1 << 16) - 10);
        assert!(!most.is_null() && HeapReAlloc(limited, 0, most, 1 << 16).is_null());
        assert!(!HeapReAlloc(limited, 0, most, 1 << 10).is_null());
        assert_eq!((HeapDestroy(heap), HeapDestroy(limited)), (TRUE, TRUE));
        assert_eq!((HeapDestroy(heap), last()), (FALSE, 6));
        assert!(HeapAlloc(heap, 0, 1).is_null());
        for wild in [ptr::null_mut(), INVALID_HANDLE_VALUE, pointer(0x40_0004)] {
            assert!(HeapAlloc(wild, 0, 1).is_null());
            assert_eq!((HeapFree(wild, 0, elsewhere), last()), (FALSE, 6));
        }
    }
}

fn pointer(at: usize) -> *mut std::ffi::c_void {
    ptr::without_provenance_mut(at)
}

#[test]
fn what_is_no_block_any_more_is_not_followed() {
    // SAFETY: blocks of this test's own; the C library gives back the large one at once.
    unsafe {
        let heap = GetProcessHeap();
        let block = LocalAlloc(LMEM_FIXED, 64 << 20);
        assert!(LocalFree(block).is_null());
        assert_eq!((LocalFree(block), last()), (block, 87), "given back twice");
        for wild in [block, pointer(0xdead_bee0), pointer(1 << 63), pointer(usize::MAX & !15)] {
            assert_eq!((GlobalFree(wild), last()), (wild, 87));
            assert_eq!((HeapFree(heap, 0, wild), HeapValidate(heap, 0, wild)), (FALSE, FALSE));
            assert_eq!(HeapSize(heap, 0, wild), usize::MAX);
            assert!(HeapReAlloc(heap, 0, wild, 5).is_null());
        }
        let limited = HeapCreate(0, 0, 1000);
        let block = HeapAlloc(limited, 0, 10);
        assert!(HeapReAlloc(limited, 0, block, usize::MAX).is_null());
        assert_eq!((HeapSize(limited, 0, block), HeapDestroy(limited)), (10, TRUE), "as it was");
    }
}

#[test]
fn threads_share_a_heap() {
    // SAFETY: blocks of this test's own.
    unsafe {
        let heap = HeapCreate(0, 0, 0).addr();
        let work = move || {
            for size in 0..500usize {
                let heap = pointer(heap);
                let block = HeapAlloc(heap, 0, size);
                fill(block, size, 9);
                let block = HeapReAlloc(heap, 0, block, size + 40);
                assert!(all(block, 0..size, 9));
                assert_eq!(HeapFree(heap, 0, block), TRUE);
            }
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(work)).collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(HeapDestroy(pointer(heap)), TRUE);
    }
}

#[test]
fn local_and_global_memory_have_addresses() {
    // SAFETY: blocks of this test's own.
    unsafe {
        for block in [LocalAlloc(LPTR, 100), GlobalAlloc(GMEM_ZEROINIT | GMEM_MOVEABLE, 100)] {
            assert!(all(block, 0..100, 0));
            assert!(GlobalFree(block).is_null());
        }
        assert!(LocalFree(ptr::null_mut()).is_null());
        assert_eq!((LocalFree(pointer(0x1234)), last()), (pointer(0x1234), 87));
        assert!(LocalAlloc(LMEM_FIXED, usize::MAX).is_null());
        assert_eq!(last(), 8);
    }
}

const SYSTEM: u32 = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;

/// The text for a code, by both calls.
fn message(flags: u32, code: u32) -> Result<String, u32> {
    let (mut bytes, mut units) = ([0xffu8; 300], [0xffffu16; 300]);
    // SAFETY: the buffers have room.
    let (one, other) = unsafe {
        SetLastError(0);
        (
            FormatMessageA(flags, ptr::null(), code, 0, bytes.as_mut_ptr(), 300, ptr::null()),
            FormatMessageW(flags, ptr::null(), code, 0x409, units.as_mut_ptr(), 300, ptr::null()),
        )
    };
    assert_eq!(one, other);
    if one == 0 {
        return Err(last());
    }
    let size = one as usize;
    assert_eq!((bytes[size], units[size]), (0, 0), "a zero ends it");
    let text = String::from_utf8(bytes[..size].to_vec()).expect("text");
    assert_eq!(String::from_utf16(&units[..size]).expect("text"), text);
    Ok(text)
}

#[test]
fn every_code_that_calls_answer_has_a_sentence() {
    for code in
        [0, 2, 5, 6, 8, 24, 31, 50, 59, 87, 122, 123, 158, 161, 170, 183, 193, 234, 259, 299, 317, 487, 998]
            .into_iter()
            .chain([1006, 1132, 1224, 1300, 1313, 1314, 1359, 1450, 1453, 1455, 1656])
    {
        let text = message(SYSTEM, code).expect("a sentence");
        assert!(text.len() > 10 && text.ends_with(".\r\n"), "{code}: {text}");
        let line = message(SYSTEM | FORMAT_MESSAGE_MAX_WIDTH_MASK, code).expect("a sentence");
        assert_eq!(line.trim_end(), text.trim_end(), "without line breaks");
        assert!(!line.contains('\n'));
    }
    assert_eq!(message(SYSTEM, 0x8007_0057), message(SYSTEM, 87), "as an HRESULT");
    assert_eq!(message(SYSTEM, 0x1234_5678), Err(317));
    assert_eq!(message(FORMAT_MESSAGE_FROM_STRING, 5), Err(87));
    assert_eq!(message(0, 5), Err(87));
}

#[test]
fn a_message_can_bring_its_own_memory() {
    let flags = SYSTEM | FORMAT_MESSAGE_ALLOCATE_BUFFER;
    let whole = message(SYSTEM, 487).expect("a sentence");
    // SAFETY: the places are valid; NULL is what is tested.
    unsafe {
        let mut text: *mut u8 = ptr::null_mut();
        let size = FormatMessageA(flags, ptr::null(), 487, 0, (&raw mut text).cast(), 0, ptr::null());
        assert_eq!(std::slice::from_raw_parts(text, size as usize), whole.as_bytes());
        assert!(LocalFree(text.cast()).is_null());
        let mut wide: *mut u16 = ptr::null_mut();
        let size = FormatMessageW(flags, ptr::null(), 487, 0, (&raw mut wide).cast(), 1000, ptr::null());
        assert_eq!(size as usize, whole.len());
        assert_eq!(HeapSize(GetProcessHeap(), 0, wide.cast()), 2000, "at least as much as asked for");
        assert!(LocalFree(wide.cast()).is_null());
        let mut small = [0u8; 8];
        assert_eq!(FormatMessageA(SYSTEM, ptr::null(), 487, 0, small.as_mut_ptr(), 8, ptr::null()), 0);
        assert_eq!((last(), small), (122, [0; 8]), "nothing is cut off");
        assert_eq!(FormatMessageA(flags, ptr::null(), 487, 0, ptr::null_mut(), 0, ptr::null()), 0);
        assert_eq!(last(), 998);
    }
}
