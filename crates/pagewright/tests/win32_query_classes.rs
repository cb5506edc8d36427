//! The classes of `NtQueryVirtualMemory`: rows VQ33 to VQ52, VQ58.

#[path = "golden/support.rs"]
mod support;

use std::ffi::c_void;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::ptr;

use pagewright::win32::*;
use support::{On, PAGE, SELF, Sleeper, arena, pointer};

const GRANULE: usize = 0x1_0000;
const REGION: usize = size_of::<MEMORY_REGION_INFORMATION>();
const IMAGE: usize = size_of::<MEMORY_IMAGE_INFORMATION>();
const HEADER: usize = size_of::<UNICODE_STRING>();

const INFO_LENGTH_MISMATCH: NtStatus = NtStatus::INFO_LENGTH_MISMATCH;
const INVALID_ADDRESS: NtStatus = NtStatus::INVALID_ADDRESS;

/// What a length is before a call, to see that a refusal leaves it alone.
const UNTOUCHED: usize = 0x1111;

/// The status, and the length that was answered.
fn ask(handle: HANDLE, at: usize, class: i32, buffer: *mut c_void, room: usize) -> (NtStatus, usize) {
    let mut length = UNTOUCHED;
    // SAFETY: the callers give a buffer of at least the room.
    let status = unsafe { NtQueryVirtualMemory(handle, pointer(at), class, buffer, room, &raw mut length) };
    (NtStatus(status as u32), length)
}

fn region(handle: HANDLE, at: usize) -> MEMORY_REGION_INFORMATION {
    let mut record = MEMORY_REGION_INFORMATION::default();
    let answer = ask(handle, at, MemoryRegionInformation, (&raw mut record).cast(), REGION);
    assert_eq!(answer, (NtStatus::SUCCESS, REGION));
    record
}

fn image(handle: HANDLE, at: usize) -> MEMORY_IMAGE_INFORMATION {
    let mut record = MEMORY_IMAGE_INFORMATION::default();
    let answer = ask(handle, at, MemoryImageInformation, (&raw mut record).cast(), IMAGE);
    assert_eq!(answer, (NtStatus::SUCCESS, IMAGE));
    record
}

// Rows: VQ33 VQ34 VQ40
#[test]
fn a_region_is_a_whole_allocation_and_what_is_charged_of_it() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let other = opened.on;
    for on in [On(SELF), other] {
        let at = arena();
        on.alloc(at, GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
        let reserved = MEMORY_REGION_INFORMATION {
            AllocationBase: pointer(at),
            AllocationProtect: PAGE_READWRITE,
            RegionSize: GRANULE,
            ..Default::default()
        };
        assert_eq!(region(on.0, at + 0x5000), reserved, "VQ33, VQ40");
        on.alloc(at + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        assert_eq!(region(on.0, at).CommitSize, PAGE, "VQ33");
        on.alloc(at, GRANULE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        let committed = MEMORY_REGION_INFORMATION { CommitSize: GRANULE, ..reserved };
        assert_eq!(region(on.0, at), committed, "VQ34");
        on.protect(at, PAGE, PAGE_NOACCESS).expect("committed");
        assert_eq!(region(on.0, at), committed, "VQ34: no access changes nothing");
        on.release(at);
    }
}

// Rows: VQ35 VQ36 CW13 VQ41 VQ50
#[test]
fn views_are_charged_for_what_stores_copy() {
    // SAFETY: no name, and no memory in use.
    unsafe {
        let section = CreateFileMappingW(SELF, ptr::null(), PAGE_READWRITE, 0, GRANULE as u32, ptr::null());
        for (row, access, protect, charged) in [
            ("VQ35", FILE_MAP_READ, PAGE_READONLY, 0),
            ("VQ35", FILE_MAP_WRITE, PAGE_READWRITE, 0),
            ("VQ36", FILE_MAP_COPY, PAGE_WRITECOPY, GRANULE),
        ] {
            let view = MapViewOfFile(section, access, 0, 0, 0);
            let expected = MEMORY_REGION_INFORMATION {
                AllocationBase: view.Value,
                AllocationProtect: protect,
                RegionSize: GRANULE,
                CommitSize: charged,
                ..Default::default()
            };
            let at = view.Value.addr();
            assert_eq!(region(SELF, at + PAGE), expected, "{row}");
            assert_eq!(image(SELF, at), MEMORY_IMAGE_INFORMATION::default(), "VQ41");
            assert_eq!(name(at, &mut [0; 512]), (INVALID_ADDRESS, UNTOUCHED), "it is no file's");
            assert_eq!(UnmapViewOfFile(view), TRUE);
        }
        CloseHandle(section);
    }
}

// Rows: VQ37 VQ38 VQ39
#[test]
fn a_region_can_be_asked_for_in_part() {
    let on = On(SELF);
    let at = arena();
    on.alloc(at, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).expect("free");
    let into = |record: &mut MEMORY_REGION_INFORMATION, at, room| {
        *record =
            MEMORY_REGION_INFORMATION { CommitSize: 7, PartitionId: 7, RegionSize: 7, ..Default::default() };
        ask(SELF, at, MemoryRegionInformation, ptr::from_mut(record).cast(), room)
    };
    let mut record = MEMORY_REGION_INFORMATION::default();
    let to_partition = offset_of!(MEMORY_REGION_INFORMATION, PartitionId);
    assert_eq!(into(&mut record, at, to_partition), (NtStatus::SUCCESS, to_partition), "VQ37");
    assert_eq!((record.RegionSize, record.CommitSize, record.PartitionId), (GRANULE, GRANULE, 7), "VQ37");
    let to_commit = offset_of!(MEMORY_REGION_INFORMATION, CommitSize);
    assert_eq!(into(&mut record, at, to_commit), (NtStatus::SUCCESS, to_commit), "VQ37");
    assert_eq!((record.RegionSize, record.CommitSize), (GRANULE, 7), "VQ37");
    let to_size = offset_of!(MEMORY_REGION_INFORMATION, RegionSize);
    assert_eq!(into(&mut record, at, to_size), (INFO_LENGTH_MISMATCH, UNTOUCHED), "VQ38");
    on.release(at);
    assert_eq!(into(&mut record, at, REGION), (INVALID_ADDRESS, UNTOUCHED), "VQ39");
    assert_eq!((record.RegionSize, record.CommitSize), (7, 7), "VQ39: the buffer is untouched");
    assert_eq!(INVALID_ADDRESS.to_win32(), 59, "VQ39");
}

/// The first address of this program.
fn program() -> usize {
    unsafe extern "C" {
        static __ehdr_start: u8;
    }
    (&raw const __ehdr_start).addr()
}

// Rows: VQ41 VQ42 VQ43 VQ45 VQ25
#[test]
fn an_image_says_how_large_it_is() {
    let on = On(SELF);
    let base = program();
    let found = image(SELF, program as *const () as usize);
    assert_eq!((found.ImageBase.addr(), found.ImageFlags), (base, 0), "VQ43");
    unsafe extern "C" {
        static end: u8;
    }
    let last = (&raw const end).addr();
    assert_eq!(base + found.SizeOfImage, last.next_multiple_of(PAGE), "VQ43: to the end of its data");
    let at = arena();
    on.alloc(at, GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    assert_eq!(image(SELF, at), MEMORY_IMAGE_INFORMATION::default(), "VQ41");
    on.release(at);
    let mut room = [0_u64; 16];
    let into = room.as_mut_ptr().cast();
    assert_eq!(ask(SELF, at, MemoryImageInformation, into, IMAGE), (INVALID_ADDRESS, UNTOUCHED), "VQ42");
    assert_eq!(
        ask(SELF, base, MemoryImageInformation, into, IMAGE - 1),
        (INFO_LENGTH_MISMATCH, UNTOUCHED),
        "VQ45"
    );
    assert_eq!(ask(SELF, base, MemoryImageInformation, into, 128), (NtStatus::SUCCESS, IMAGE), "VQ25");
}

// Rows: VQ44
#[test]
fn an_image_that_is_mapped_in_part_says_so() {
    let file = std::fs::File::open("/proc/self/exe").expect("this program");
    let whole = image(SELF, program()).SizeOfImage;
    for pages in [4, 5] {
        // SAFETY: a new mapping at a place that the kernel chooses, and gone at the end.
        unsafe {
            let (bytes, access) = (pages * PAGE, libc::PROT_READ | libc::PROT_EXEC);
            let at = libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
            assert_ne!(at, libc::MAP_FAILED);
            let found = image(SELF, at.addr() + PAGE);
            assert_eq!((found.ImageBase, found.SizeOfImage, found.ImageFlags), (at, whole, 1), "VQ44");
            assert_eq!(region(SELF, at.addr()).RegionSize, bytes, "VQ44: what is mapped");
            libc::munmap(at, bytes);
        }
    }
}

/// Asks for a name into a buffer.
fn name(at: usize, buffer: &mut [u16]) -> (NtStatus, usize) {
    let room = size_of_val(buffer);
    ask(SELF, at, MemoryMappedFilenameInformation, buffer.as_mut_ptr().cast(), room)
}

// Rows: VQ46 VQ47 VQ48 VQ49 VQ50 VQ51
#[test]
fn a_mapped_file_has_a_name() {
    let at = program as *const () as usize;
    let path = std::fs::read_link("/proc/self/exe").expect("this program");
    let path = path.to_str().expect("text").encode_utf16().collect::<Vec<_>>();
    let needed = HEADER + 2 * path.len() + 2;
    let mut buffer = vec![0_u16; 2048];
    assert_eq!(name(at, &mut buffer), (NtStatus::SUCCESS, needed), "VQ47");
    // SAFETY: the header was written.
    let header = unsafe { buffer.as_ptr().cast::<UNICODE_STRING>().read_unaligned() };
    let (length, maximum) = (usize::from(header.Length), usize::from(header.MaximumLength));
    assert_eq!((length, maximum), (2 * path.len(), 2 * path.len() + 2), "VQ47");
    assert_eq!(header.Buffer.addr(), buffer.as_ptr().addr() + HEADER, "VQ47");
    let text = &buffer[HEADER / 2..];
    assert_eq!((&text[..path.len()], text[path.len()]), (&path[..], 0), "VQ47");
    let mut small = vec![7_u16; needed / 2 - 1];
    assert_eq!(name(at, &mut small), (NtStatus::BUFFER_OVERFLOW, needed), "VQ46");
    assert_eq!(small[..HEADER / 2], [7; HEADER / 2], "VQ46: untouched");
    assert_eq!(name(at, &mut small[..HEADER / 2 - 1]), (INFO_LENGTH_MISMATCH, needed), "VQ49");
    let nowhere = ask(SELF, at, MemoryMappedFilenameInformation, ptr::null_mut(), 4096);
    assert_eq!(nowhere.0, NtStatus::ACCESS_VIOLATION, "VQ48");
    let on = On(SELF);
    let memory = arena();
    assert_eq!(name(memory, &mut buffer), (INVALID_ADDRESS, UNTOUCHED), "VQ50: free");
    on.alloc(memory, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).expect("free");
    assert_eq!(name(memory, &mut buffer), (INVALID_ADDRESS, UNTOUCHED), "VQ50: private");
    assert_eq!(name(memory, &mut buffer[..2]), (INVALID_ADDRESS, UNTOUCHED), "VQ50: before the length");
    on.release(memory);
    let bad = ask(pointer(0x3c), at, MemoryMappedFilenameInformation, buffer.as_mut_ptr().cast(), 4096);
    assert_eq!(bad, (NtStatus::INVALID_HANDLE, UNTOUCHED), "VQ51");
    // The same by the name that Win32 has for it.
    let mut short = [7_u16; 8];
    // SAFETY: the buffers have the room.
    unsafe {
        let got = K32GetMappedFileNameW(SELF, pointer(at), buffer.as_mut_ptr(), buffer.len() as u32);
        assert_eq!(&buffer[..got as usize], path);
        assert_eq!(K32GetMappedFileNameW(SELF, pointer(at), short.as_mut_ptr(), 8), 8);
        assert_eq!((&short[..], GetLastError()), (&path[..8], 122));
        assert_eq!(K32GetMappedFileNameW(SELF, pointer(memory), short.as_mut_ptr(), 8), 0);
    }
}

// Rows in part: VQ47
#[test]
fn the_name_of_a_file_in_another_process() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    let other = opened.on;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", sleeper.pid())).expect("it lives");
    let line = maps.lines().find(|line| line.contains(" /")).expect("a file");
    let (at, path) = (line.split('-').next().expect("a start"), line.split_once('/').expect("a path").1);
    let at = usize::from_str_radix(at, 16).expect("hex");
    let mut buffer = [0; 1024];
    // SAFETY: the buffer has the room.
    let got = unsafe { K32GetMappedFileNameW(other.0, pointer(at), buffer.as_mut_ptr(), 1024) };
    assert_eq!(String::from_utf16_lossy(&buffer[..got as usize]), format!("/{path}"));
}

// Rows: VQ52 VQ24 VQ22
#[test]
fn classes_that_there_are_not_are_refused() {
    let mut room = [0_u64; 16];
    for class in [-1, 5, 7, 99] {
        let answer = ask(SELF, program(), class, room.as_mut_ptr().cast(), 128);
        assert_eq!(answer, (NtStatus::INVALID_INFO_CLASS, UNTOUCHED), "VQ52");
    }
    assert_eq!(NtStatus::INVALID_INFO_CLASS.to_win32(), 87, "VQ52");
    let basic = size_of::<MEMORY_BASIC_INFORMATION>();
    let ask = |at, length| ask(SELF, at, MemoryBasicInformation, room.as_mut_ptr().cast(), length);
    let mut ask = ask;
    assert_eq!(ask(program(), basic), (NtStatus::SUCCESS, basic));
    assert_eq!(ask(program(), basic - 1).0, INFO_LENGTH_MISMATCH, "VQ24");
    assert_eq!(ask(support::TOP, basic).0, NtStatus::INVALID_PARAMETER, "VQ22");
}

// Rows: VQ33 VQ40
#[test]
fn the_win32_call_answers_the_same_of_a_region() {
    let on = On(SELF);
    let at = arena();
    on.alloc(at, GRANULE, MEM_RESERVE, PAGE_READWRITE).expect("free");
    let mut record = WIN32_MEMORY_REGION_INFORMATION::default();
    let (size, mut length) = (size_of_val(&record), 0);
    let mut ask = |class, room| {
        // SAFETY: the record has the room.
        let done = unsafe {
            let into = (&raw mut record).cast();
            QueryVirtualMemoryInformation(SELF, pointer(at), class, into, room, &raw mut length)
        };
        if done == TRUE { Ok(length) } else { Err(support::last_error()) }
    };
    assert_eq!(ask(MemoryRegionInfo, size), Ok(size));
    assert_eq!((ask(MemoryRegionInfo, size - 1), ask(9, size)), (Err(24), Err(87)));
    let found =
        (record.AllocationBase.addr(), record.AllocationProtect, record.RegionSize, record.CommitSize);
    assert_eq!(found, (at, PAGE_READWRITE, GRANULE, 0));
    on.release(at);
}
