//! What a status becomes in GetLastError: rows EM; and the last error itself.

#[path = "golden/support.rs"]
mod support;

use std::error::Error as _;

use pagewright::soft::Guest;
use pagewright::win32::{
    GetLastError, MEM_COMMIT, MEM_RESERVE, NtStatus, PAGE_READWRITE, SetLastError, virtual_alloc,
    virtual_free, virtual_protect, virtual_query, write_memory,
};
use support::{On, SELF};

// Rows: EM01 EM02 EM03 EM04 EM05 EM06 EM07 EM08 EM09 EM10 EM11 EM12 EM13 EM14 EM15 EM16 EM17 EM18 EM19
// Rows: EM20 EM21 EM22 EM23 EM24 EM25 EM26 EM27 EM28 EM29 EM30 EM31 EM32 EM33 EM34 EM35 EM36 EM37 EM38
// Rows: EM39 EM40
#[test]
fn every_status_has_its_code() {
    for (row, status, value, code) in [
        ("EM01", NtStatus::CONFLICTING_ADDRESSES, 0xc000_0018, 487),
        ("EM02", NtStatus::NOT_COMMITTED, 0xc000_002d, 487),
        ("EM03", NtStatus::MEMORY_NOT_ALLOCATED, 0xc000_00a0, 487),
        ("EM04", NtStatus::FREE_VM_NOT_AT_BASE, 0xc000_009f, 487),
        ("EM05", NtStatus::NOT_MAPPED_VIEW, 0xc000_0019, 487),
        ("EM06", NtStatus::NOT_MAPPED_DATA, 0xc000_0088, 487),
        ("EM07", NtStatus::UNABLE_TO_DECOMMIT_VM, 0xc000_002c, 487),
        ("EM08", NtStatus::INVALID_PAGE_PROTECTION, 0xc000_0045, 87),
        ("EM09", NtStatus::SECTION_PROTECTION, 0xc000_004e, 87),
        ("EM10", NtStatus::UNABLE_TO_FREE_VM, 0xc000_001a, 87),
        ("EM11", NtStatus::UNABLE_TO_DELETE_SECTION, 0xc000_001b, 87),
        ("EM12", NtStatus::INVALID_PARAMETER, 0xc000_000d, 87),
        ("EM12", NtStatus::INVALID_PARAMETER_MIX, 0xc000_0030, 87),
        ("EM12", NtStatus::INVALID_PARAMETER_1, 0xc000_00ef, 87),
        ("EM12", NtStatus::INVALID_PARAMETER_12, 0xc000_00fa, 87),
        ("EM13", NtStatus::BAD_WORKING_SET_LIMIT, 0xc000_004c, 87),
        ("EM14", NtStatus::INCOMPATIBLE_FILE_MAP, 0xc000_004d, 87),
        ("EM15", NtStatus::SECTION_NOT_IMAGE, 0xc000_0049, 87),
        ("EM16", NtStatus::INVALID_INFO_CLASS, 0xc000_0003, 87),
        ("EM17", NtStatus::ACCESS_VIOLATION, 0xc000_0005, 998),
        ("EM18", NtStatus::PARTIAL_COPY, 0x8000_000d, 299),
        ("EM19", NtStatus::ALREADY_COMMITTED, 0xc000_0021, 5),
        ("EM20", NtStatus::INVALID_VIEW_SIZE, 0xc000_001f, 5),
        ("EM21", NtStatus::PROCESS_IS_TERMINATING, 0xc000_010a, 5),
        ("EM22", NtStatus::ACCESS_DENIED, 0xc000_0022, 5),
        ("EM23", NtStatus::NO_MEMORY, 0xc000_0017, 8),
        ("EM24", NtStatus::SECTION_TOO_BIG, 0xc000_0040, 8),
        ("EM25", NtStatus::COMMITMENT_LIMIT, 0xc000_012d, 1455),
        ("EM26", NtStatus::WORKING_SET_QUOTA, 0xc000_00a1, 1453),
        ("EM27", NtStatus::NOT_LOCKED, 0xc000_002a, 158),
        ("EM28", NtStatus::WAS_LOCKED, 0x4000_0019, 0),
        ("EM29", NtStatus::PRIVILEGE_NOT_HELD, 0xc000_0061, 1314),
        ("EM30", NtStatus::MAPPED_ALIGNMENT, 0xc000_0220, 1132),
        ("EM31", NtStatus::INFO_LENGTH_MISMATCH, 0xc000_0004, 24),
        ("EM32", NtStatus::INVALID_ADDRESS, 0xc000_0141, 59),
        ("EM33", NtStatus::MAPPED_FILE_SIZE_ZERO, 0xc000_011e, 1006),
        ("EM34", NtStatus::INVALID_FILE_FOR_SECTION, 0xc000_0020, 193),
        ("EM35", NtStatus::USER_MAPPED_FILE, 0xc000_0243, 1224),
        ("EM36", NtStatus::INSUFFICIENT_RESOURCES, 0xc000_009a, 1450),
        ("EM37", NtStatus::INVALID_HANDLE, 0xc000_0008, 6),
        ("EM37", NtStatus::OBJECT_TYPE_MISMATCH, 0xc000_0024, 6),
        ("EM38", NtStatus::GUARD_PAGE_VIOLATION, 0x8000_0001, 0x8000_0001),
        ("EM39", NtStatus::OBJECT_NAME_COLLISION, 0xc000_0035, 183),
        ("EM40", NtStatus::OBJECT_NAME_NOT_FOUND, 0xc000_0034, 2),
        ("not in the facts", NtStatus::NOT_SUPPORTED, 0xc000_00bb, 50),
        ("not in the facts", NtStatus::DEVICE_BUSY, 0x8000_0011, 170),
    ] {
        assert_eq!((status.0, status.to_win32()), (value, code), "{row}: {status:?}");
    }
    assert_eq!(NtStatus(0xc123_4567).to_win32(), 317, "no code for an unknown status");
}

// Rows: VA76
#[test]
fn the_last_error_belongs_to_its_thread() {
    // SAFETY: no conditions.
    unsafe {
        SetLastError(77);
        let other = std::thread::spawn(|| GetLastError()).join().expect("no panic");
        assert_eq!((other, GetLastError()), (0, 77));
    }
    // The helper sets a sentinel first, and checks that success kept it.
    assert!(On(SELF).query(0).is_ok(), "VA76");
}

#[test]
fn a_failure_is_one_sentence_with_a_name() {
    let guest = Guest::new();
    let base = virtual_alloc(&guest, 0, 0x1_0000, MEM_RESERVE, PAGE_READWRITE).expect("free");
    for (failure, name, words) in [
        (virtual_alloc(&guest, 0, 0, MEM_COMMIT, 4).map(drop), "ERROR_INVALID_PARAMETER", "size is 0"),
        (virtual_alloc(&guest, 5, 1, MEM_COMMIT, 4).map(drop), "ERROR_INVALID_PARAMETER", "address is 0x5"),
        (virtual_alloc(&guest, 0, 1, 0, 4).map(drop), "ERROR_INVALID_PARAMETER", "allocation type is 0x0"),
        (virtual_alloc(&guest, 0, 1, 0x8_0000, 4).map(drop), "ERROR_INVALID_ADDRESS", "reserve"),
        (virtual_alloc(&guest, 0, 1, 0x1000, 3).map(drop), "ERROR_INVALID_PARAMETER", "protection is 0x3"),
        (virtual_alloc(&guest, base, 1, MEM_RESERVE, 4).map(drop), "ERROR_INVALID_ADDRESS", "in use"),
        (
            virtual_alloc(&guest, 0, 2 << 20, 0x2000_3000, 4).map(drop),
            "ERROR_PRIVILEGE_NOT_HELD",
            "privilege",
        ),
        (virtual_free(&guest, base, 5, 0x8000), "ERROR_INVALID_PARAMETER", "give size 0"),
        (virtual_free(&guest, base + 0x1000, 0, 0x8000), "ERROR_INVALID_ADDRESS", "base"),
        (virtual_protect(&guest, base, 1, 2).map(drop), "ERROR_INVALID_ADDRESS", "not committed"),
        (virtual_query(&guest, u64::MAX).map(drop), "ERROR_INVALID_PARAMETER", "user range"),
        (write_memory(&guest, base, &[1]).map(drop), "ERROR_INVALID_ADDRESS", "not committed"),
    ] {
        if words == "privilege" && pagewright::privilege::may_lock_pages() {
            println!("the privilege to lock memory is held, so its refusal is not shown");
            continue;
        }
        let failure = failure.expect_err(words);
        assert_eq!(failure.name(), name, "{failure}");
        let sentence = failure.to_string();
        assert!(sentence.contains(words), "{sentence} / {words}");
        assert!(!sentence.contains('\n') && sentence.len() < 200, "{sentence}");
        assert!(failure.source().is_none());
    }
}

// Rows: EM25 VA39
#[test]
fn a_commit_beyond_the_limit_has_its_code() {
    let guest = Guest::new();
    guest.set_commit_limit(0x2000);
    assert!(virtual_alloc(&guest, 0, 0x2000, MEM_COMMIT, PAGE_READWRITE).is_ok());
    let failure = virtual_alloc(&guest, 0, 1, MEM_COMMIT, PAGE_READWRITE).expect_err("VA39");
    assert_eq!((failure.code(), failure.name()), (1455, "ERROR_COMMITMENT_LIMIT"), "VA39, EM25");
}
