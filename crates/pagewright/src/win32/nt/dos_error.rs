//! `RtlNtStatusToDosError` and the last error under its NT names.

use super::super::NTSTATUS;
use super::super::constants::ERROR_MR_MID_NOT_FOUND;
use super::super::last_error;
use super::super::types::WIN32_ERROR;

/// The Win32 code of a status; 317 for one that has none (rows EM01 to EM40).
///
/// # Safety
/// None.
pub unsafe extern "system" fn RtlNtStatusToDosError(status: NTSTATUS) -> u32 {
    win32_code(status as u32)
}

/// [`RtlNtStatusToDosError`]; neither notes the status.
///
/// # Safety
/// None.
pub unsafe extern "system" fn RtlNtStatusToDosErrorNoTeb(status: NTSTATUS) -> u32 {
    win32_code(status as u32)
}

/// Sets the last error of this thread.
///
/// # Safety
/// None.
pub unsafe extern "system" fn RtlSetLastWin32Error(code: WIN32_ERROR) {
    last_error::set(code);
}

/// The last error of this thread.
///
/// # Safety
/// None.
pub unsafe extern "system" fn RtlGetLastWin32Error() -> WIN32_ERROR {
    last_error::get()
}

/// Sets the last error of this thread to the code of a status, whichever that is, and answers
/// the code.
///
/// # Safety
/// None.
pub unsafe extern "system" fn RtlSetLastWin32ErrorAndNtStatusFromNtStatus(status: NTSTATUS) -> u32 {
    let code = win32_code(status as u32);
    last_error::set(code);
    code
}

/// An application's own number.
const CUSTOMER: u32 = 0x2000_0000;
/// The bit that a status has where others put their results (`HRESULT_FROM_NT`).
const AS_RESULT: u32 = 0x1000_0000;
/// Stands in the table for the status itself.
const SAME: u32 = u32::MAX;

fn win32_code(status: u32) -> u32 {
    if status & CUSTOMER != 0 {
        return status;
    }
    let status = if status >> 28 == 0xd { status & !AS_RESULT } else { status };
    match status >> 16 {
        0xc001 | 0xc007 | 0x8007 => return status & 0xffff, // it carries a code
        _ => {}
    }
    match CODES.binary_search_by_key(&status, |(known, _)| *known) {
        Ok(index) if CODES[index].1 == SAME => status,
        Ok(index) => CODES[index].1,
        Err(_) => ERROR_MR_MID_NOT_FOUND,
    }
}

/// The codes of all statuses that this crate answers, and of those that programs ask about
/// beside them; by status.
#[rustfmt::skip]
const CODES: [(u32, u32); 144] = [
    (0x0000_0000, 0), // SUCCESS
    (0x0000_0080, SAME), // ABANDONED_WAIT_0
    (0x0000_0102, 1460), // TIMEOUT
    (0x0000_0103, 997), // PENDING
    (0x0000_0105, 234), // MORE_ENTRIES
    (0x0000_0106, 1300), // NOT_ALL_ASSIGNED
    (0x0000_0107, 1301), // SOME_NOT_MAPPED
    (0x4000_0000, 698), // OBJECT_NAME_EXISTS
    (0x4000_0001, 699), // THREAD_WAS_SUSPENDED
    (0x4000_0002, 87), // WORKING_SET_LIMIT_RANGE
    (0x4000_0003, 700), // IMAGE_NOT_AT_BASE
    (0x4000_0017, 715), // WAS_UNLOCKED
    (0x4000_0019, 717), // WAS_LOCKED
    (0x8000_0001, SAME), // GUARD_PAGE_VIOLATION
    (0x8000_0002, 998), // DATATYPE_MISALIGNMENT
    (0x8000_0003, SAME), // BREAKPOINT
    (0x8000_0004, SAME), // SINGLE_STEP
    (0x8000_0005, 234), // BUFFER_OVERFLOW
    (0x8000_0006, 18), // NO_MORE_FILES
    (0x8000_000a, 676), // HANDLES_CLOSED
    (0x8000_000d, 299), // PARTIAL_COPY
    (0x8000_0011, 170), // DEVICE_BUSY
    (0x8000_001a, 259), // NO_MORE_ENTRIES
    (0xc000_0001, 31), // UNSUCCESSFUL
    (0xc000_0002, 1), // NOT_IMPLEMENTED
    (0xc000_0003, 87), // INVALID_INFO_CLASS
    (0xc000_0004, 24), // INFO_LENGTH_MISMATCH
    (0xc000_0005, 998), // ACCESS_VIOLATION
    (0xc000_0006, 999), // IN_PAGE_ERROR
    (0xc000_0007, 1454), // PAGEFILE_QUOTA
    (0xc000_0008, 6), // INVALID_HANDLE
    (0xc000_000b, 87), // INVALID_CID
    (0xc000_000d, 87), // INVALID_PARAMETER
    (0xc000_000e, 433), // NO_SUCH_DEVICE
    (0xc000_000f, 2), // NO_SUCH_FILE
    (0xc000_0010, 1), // INVALID_DEVICE_REQUEST
    (0xc000_0011, 38), // END_OF_FILE
    (0xc000_0017, 8), // NO_MEMORY
    (0xc000_0018, 487), // CONFLICTING_ADDRESSES
    (0xc000_0019, 487), // NOT_MAPPED_VIEW
    (0xc000_001a, 87), // UNABLE_TO_FREE_VM
    (0xc000_001b, 87), // UNABLE_TO_DELETE_SECTION
    (0xc000_001c, 1), // INVALID_SYSTEM_SERVICE
    (0xc000_001d, SAME), // ILLEGAL_INSTRUCTION
    (0xc000_001e, 5), // INVALID_LOCK_SEQUENCE
    (0xc000_001f, 5), // INVALID_VIEW_SIZE
    (0xc000_0020, 193), // INVALID_FILE_FOR_SECTION
    (0xc000_0021, 5), // ALREADY_COMMITTED
    (0xc000_0022, 5), // ACCESS_DENIED
    (0xc000_0023, 122), // BUFFER_TOO_SMALL
    (0xc000_0024, 6), // OBJECT_TYPE_MISMATCH
    (0xc000_0025, SAME), // NONCONTINUABLE_EXCEPTION
    (0xc000_002a, 158), // NOT_LOCKED
    (0xc000_002c, 487), // UNABLE_TO_DECOMMIT_VM
    (0xc000_002d, 487), // NOT_COMMITTED
    (0xc000_0030, 87), // INVALID_PARAMETER_MIX
    (0xc000_0033, 123), // OBJECT_NAME_INVALID
    (0xc000_0034, 2), // OBJECT_NAME_NOT_FOUND
    (0xc000_0035, 183), // OBJECT_NAME_COLLISION
    (0xc000_0039, 161), // OBJECT_PATH_INVALID
    (0xc000_003a, 3), // OBJECT_PATH_NOT_FOUND
    (0xc000_003b, 161), // OBJECT_PATH_SYNTAX_BAD
    (0xc000_0040, 8), // SECTION_TOO_BIG
    (0xc000_0043, 32), // SHARING_VIOLATION
    (0xc000_0044, 1816), // QUOTA_EXCEEDED
    (0xc000_0045, 87), // INVALID_PAGE_PROTECTION
    (0xc000_0046, 288), // MUTANT_NOT_OWNED
    (0xc000_0049, 87), // SECTION_NOT_IMAGE
    (0xc000_004a, 156), // SUSPEND_COUNT_EXCEEDED
    (0xc000_004b, 5), // THREAD_IS_TERMINATING
    (0xc000_004c, 87), // BAD_WORKING_SET_LIMIT
    (0xc000_004d, 87), // INCOMPATIBLE_FILE_MAP
    (0xc000_004e, 87), // SECTION_PROTECTION
    (0xc000_0054, 33), // FILE_LOCK_CONFLICT
    (0xc000_0056, 5), // DELETE_PENDING
    (0xc000_0060, 1313), // NO_SUCH_PRIVILEGE
    (0xc000_0061, 1314), // PRIVILEGE_NOT_HELD
    (0xc000_007a, 127), // PROCEDURE_NOT_FOUND
    (0xc000_007b, 193), // INVALID_IMAGE_FORMAT
    (0xc000_007c, 1008), // NO_TOKEN
    (0xc000_007e, 158), // RANGE_NOT_LOCKED
    (0xc000_007f, 112), // DISK_FULL
    (0xc000_0087, 14), // SECTION_NOT_EXTENDED
    (0xc000_0088, 487), // NOT_MAPPED_DATA
    (0xc000_008c, SAME), // ARRAY_BOUNDS_EXCEEDED
    (0xc000_008e, SAME), // FLOAT_DIVIDE_BY_ZERO
    (0xc000_0090, SAME), // FLOAT_INVALID_OPERATION
    (0xc000_0091, SAME), // FLOAT_OVERFLOW
    (0xc000_0093, SAME), // FLOAT_UNDERFLOW
    (0xc000_0094, SAME), // INTEGER_DIVIDE_BY_ZERO
    (0xc000_0095, 534), // INTEGER_OVERFLOW
    (0xc000_0096, SAME), // PRIVILEGED_INSTRUCTION
    (0xc000_0098, 1006), // FILE_INVALID
    (0xc000_009a, 1450), // INSUFFICIENT_RESOURCES
    (0xc000_009f, 487), // FREE_VM_NOT_AT_BASE
    (0xc000_00a0, 487), // MEMORY_NOT_ALLOCATED
    (0xc000_00a1, 1453), // WORKING_SET_QUOTA
    (0xc000_00a2, 19), // MEDIA_WRITE_PROTECTED
    (0xc000_00a8, 1349), // BAD_TOKEN_TYPE
    (0xc000_00ba, 5), // FILE_IS_A_DIRECTORY
    (0xc000_00bb, 50), // NOT_SUPPORTED
    (0xc000_00d4, 17), // NOT_SAME_DEVICE
    (0xc000_00e5, 1359), // INTERNAL_ERROR
    (0xc000_00ef, 87), // INVALID_PARAMETER_1
    (0xc000_00f0, 87), // INVALID_PARAMETER_2
    (0xc000_00f1, 87), // INVALID_PARAMETER_3
    (0xc000_00f2, 87), // INVALID_PARAMETER_4
    (0xc000_00f3, 87), // INVALID_PARAMETER_5
    (0xc000_00f4, 87), // INVALID_PARAMETER_6
    (0xc000_00f5, 87), // INVALID_PARAMETER_7
    (0xc000_00f6, 87), // INVALID_PARAMETER_8
    (0xc000_00f7, 87), // INVALID_PARAMETER_9
    (0xc000_00f8, 87), // INVALID_PARAMETER_10
    (0xc000_00f9, 87), // INVALID_PARAMETER_11
    (0xc000_00fa, 87), // INVALID_PARAMETER_12
    (0xc000_00fd, 1001), // STACK_OVERFLOW
    (0xc000_0101, 145), // DIRECTORY_NOT_EMPTY
    (0xc000_0103, 267), // NOT_A_DIRECTORY
    (0xc000_0106, 206), // NAME_TOO_LONG
    (0xc000_0109, 317), // MESSAGE_NOT_FOUND
    (0xc000_010a, 5), // PROCESS_IS_TERMINATING
    (0xc000_011e, 1006), // MAPPED_FILE_SIZE_ZERO
    (0xc000_011f, 4), // TOO_MANY_OPENED_FILES
    (0xc000_0120, 995), // CANCELLED
    (0xc000_0121, 5), // CANNOT_DELETE
    (0xc000_0128, 6), // FILE_CLOSED
    (0xc000_012a, 566), // THREAD_NOT_IN_PROCESS
    (0xc000_012c, 567), // PAGEFILE_QUOTA_EXCEEDED
    (0xc000_012d, 1455), // COMMITMENT_LIMIT
    (0xc000_012f, 193), // INVALID_IMAGE_NOT_MZ
    (0xc000_0135, 126), // DLL_NOT_FOUND
    (0xc000_0139, 127), // ENTRYPOINT_NOT_FOUND
    (0xc000_0141, 59), // INVALID_ADDRESS
    (0xc000_0142, 1114), // DLL_INIT_FAILED
    (0xc000_0144, 574), // UNHANDLED_EXCEPTION
    (0xc000_0147, 578), // NO_PAGEFILE
    (0xc000_0148, 124), // INVALID_LEVEL
    (0xc000_01ac, 1656), // NOT_SAME_OBJECT
    (0xc000_0220, 1132), // MAPPED_ALIGNMENT
    (0xc000_0225, 1168), // NOT_FOUND
    (0xc000_022d, 1237), // RETRY
    (0xc000_0235, 6), // HANDLE_NOT_CLOSABLE
    (0xc000_0243, 1224), // USER_MAPPED_FILE
    (0xc000_02c8, 635), // COMMITMENT_MINIMUM
];

#[cfg(test)]
mod tests {
    use super::{CODES, win32_code};
    use crate::win32::NtStatus;

    #[test]
    fn the_table_is_in_order() {
        assert!(CODES.is_sorted_by(|(before, _), (after, _)| before < after));
    }

    /// What Win32 calls put into the last error is what the table says, but for successes.
    #[test]
    fn every_status_of_this_crate_has_the_code_that_its_calls_give() {
        let named: Vec<u32> =
            CODES.iter().map(|(status, _)| *status).filter(|it| !NtStatus(*it).name().is_empty()).collect();
        assert_eq!(named.len(), NtStatus::ALL.len(), "one of ours has no code");
        for status in NtStatus::ALL.iter().filter(|it| it.0 >> 31 != 0) {
            assert_eq!(win32_code(status.0), status.to_win32(), "{status:?}");
        }
    }

    #[test]
    fn a_number_that_carries_a_code_gives_it() {
        for (status, code) in [
            (0xc001_0007, 7),
            (0xc007_0057, 87),
            (0x8007_0005, 5),
            (0xd000_0005, 998),
            (0x2000_0001, 0x2000_0001),
            (0xe06d_7363, 0xe06d_7363),
            (0xc0ff_ffff, 317),
        ] {
            assert_eq!(win32_code(status), code, "{status:#x}");
        }
    }
}
