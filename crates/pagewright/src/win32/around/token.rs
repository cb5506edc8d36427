//! The idiom that enables a privilege: a token, a number for a name, and the change.
//!
//! What a process may do is for the administrator to say ([`crate::privilege`]), and enabling
//! changes nothing about it: the calls tell whether a privilege is held. The token notes what was
//! enabled, and answers it as the previous state.

use std::sync::{Mutex, PoisonError};

use super::super::calls::{answer, require_pointer};
use super::super::constants::{ERROR_NOT_ALL_ASSIGNED, ERROR_SUCCESS, FALSE, TRUE};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Need, Thing};
use super::super::last_error;
use super::super::section::{narrow, wide};
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::types::{
    LUID, LUID_AND_ATTRIBUTES, SE_PRIVILEGE_ENABLED, TOKEN_ACCESS_MASK, TOKEN_ADJUST_PRIVILEGES,
    TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use crate::{own, privilege};

/// The names of the privileges, each at its number.
const NAMES: [(u32, &str); 34] = [
    (2, "SeCreateTokenPrivilege"),
    (3, "SeAssignPrimaryTokenPrivilege"),
    (4, "SeLockMemoryPrivilege"),
    (5, "SeIncreaseQuotaPrivilege"),
    (6, "SeMachineAccountPrivilege"),
    (7, "SeTcbPrivilege"),
    (8, "SeSecurityPrivilege"),
    (9, "SeTakeOwnershipPrivilege"),
    (10, "SeLoadDriverPrivilege"),
    (11, "SeSystemProfilePrivilege"),
    (12, "SeSystemtimePrivilege"),
    (13, "SeProfileSingleProcessPrivilege"),
    (14, "SeIncreaseBasePriorityPrivilege"),
    (15, "SeCreatePagefilePrivilege"),
    (16, "SeCreatePermanentPrivilege"),
    (17, "SeBackupPrivilege"),
    (18, "SeRestorePrivilege"),
    (19, "SeShutdownPrivilege"),
    (20, "SeDebugPrivilege"),
    (21, "SeAuditPrivilege"),
    (22, "SeSystemEnvironmentPrivilege"),
    (23, "SeChangeNotifyPrivilege"),
    (24, "SeRemoteShutdownPrivilege"),
    (25, "SeUndockPrivilege"),
    (26, "SeSyncAgentPrivilege"),
    (27, "SeEnableDelegationPrivilege"),
    (28, "SeManageVolumePrivilege"),
    (29, "SeImpersonatePrivilege"),
    (30, "SeCreateGlobalPrivilege"),
    (31, "SeTrustedCredManAccessPrivilege"),
    (32, "SeRelabelPrivilege"),
    (33, "SeIncreaseWorkingSetPrivilege"),
    (34, "SeTimeZonePrivilege"),
    (35, "SeCreateSymbolicLinkPrivilege"),
];

const LOCK_MEMORY: u32 = 4;
const DEBUG: u32 = 20;
const CHANGE_NOTIFY: u32 = 23;
const INCREASE_WORKING_SET: u32 = 33;

/// Which privileges the program has enabled, a bit for each number.
static ENABLED: Mutex<u64> = Mutex::new(1 << CHANGE_NOTIFY);

/// Keeps everybody else from the privileges, for a fork.
pub(in crate::win32) fn hold() -> Option<own::Held> {
    own::hold_mutex(&ENABLED)
}

/// Opens the token of this process. FALSE and a last error on failure: 5 for other processes.
///
/// # Safety
/// `tokenhandle` is NULL or valid.
pub unsafe extern "system" fn OpenProcessToken(
    processhandle: HANDLE,
    desiredaccess: TOKEN_ACCESS_MASK,
    tokenhandle: *mut HANDLE,
) -> BOOL {
    answer(caught(|| {
        require_pointer(tokenhandle.is_null(), "pointer for the handle")?;
        handles::through(processhandle, Need::Query, |process| {
            if process.is_current() {
                return Ok(());
            }
            let fix = "only the token of this process can be opened";
            Err(Failure::argument(NtStatus::ACCESS_DENIED, "process", process.pid().into(), fix))
        })?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { tokenhandle.write_unaligned(handles::insert(Thing::Token, desiredaccess)) };
        Ok(())
    }))
}

/// The number of a privilege, of this system (NULL or an empty name). FALSE and a last error on
/// failure: 1313 for no privilege. Case does not count.
///
/// # Safety
/// The names are NULL or end with a zero; `lpluid` is NULL or valid.
pub unsafe extern "system" fn LookupPrivilegeValueW(
    lpsystemname: *const u16,
    lpname: *const u16,
    lpluid: *mut LUID,
) -> BOOL {
    // SAFETY: the caller vouches for names and pointer.
    unsafe { looked_up(|| (wide(lpsystemname), wide(lpname)), lpluid) }
}

/// [`LookupPrivilegeValueW`] with names of bytes.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn LookupPrivilegeValueA(
    lpsystemname: *const u8,
    lpname: *const u8,
    lpluid: *mut LUID,
) -> BOOL {
    // SAFETY: the caller vouches for names and pointer.
    unsafe { looked_up(|| (narrow(lpsystemname), narrow(lpname)), lpluid) }
}

type Name = Option<Vec<u16>>;

/// # Safety
/// `into` is NULL or valid.
unsafe fn looked_up(names: impl FnOnce() -> (Name, Name), into: *mut LUID) -> BOOL {
    answer(caught(|| {
        let (system, name) = names();
        if system.is_some_and(|system| !system.is_empty()) {
            let fix = "only this system is known; give NULL";
            return Err(Failure::argument(NtStatus::NOT_SUPPORTED, "system name", 0, fix));
        }
        let name =
            name.ok_or_else(|| Failure::argument(NtStatus::INVALID_PARAMETER, "name", 0, "give one"))?;
        require_pointer(into.is_null(), "pointer for the number")?;
        let number = number(&String::from_utf16_lossy(&name))?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { into.write_unaligned(LUID { LowPart: number, HighPart: 0 }) };
        Ok(())
    }))
}

fn number(name: &str) -> Result<u32, Failure> {
    let found = NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
    found.map(|(number, _)| *number).ok_or_else(|| {
        let fix = "no privilege has this name, such as SeLockMemoryPrivilege";
        Failure::argument(NtStatus::NO_SUCH_PRIVILEGE, "name", 0, fix)
    })
}

/// Enables or disables privileges of a token. TRUE with the last error 0, or 1300 if some of them
/// are not held: those are passed over. FALSE and a last error on failure. The previous state of
/// those that changed is answered if there is room for it.
///
/// # Safety
/// `newstate` is NULL or has as many privileges as it says; `previousstate` is NULL or has room for
/// `bufferlength` bytes; `returnlength` is NULL or valid.
pub unsafe extern "system" fn AdjustTokenPrivileges(
    tokenhandle: HANDLE,
    disableallprivileges: BOOL,
    newstate: *const TOKEN_PRIVILEGES,
    bufferlength: u32,
    previousstate: *mut TOKEN_PRIVILEGES,
    returnlength: *mut u32,
) -> BOOL {
    let adjusted = caught(|| {
        let need = if previousstate.is_null() { 0 } else { TOKEN_QUERY };
        check(tokenhandle, TOKEN_ADJUST_PRIVILEGES | need)?;
        // SAFETY: the caller vouches for the state.
        let wanted = unsafe { wanted(disableallprivileges, newstate) }?;
        let mut enabled = ENABLED.lock().unwrap_or_else(PoisonError::into_inner);
        let change = Change::of(*enabled, &wanted);
        if !previousstate.is_null() {
            require_pointer(returnlength.is_null(), "pointer for the length")?;
            let room = bufferlength as usize;
            // SAFETY: the caller vouches for buffer and pointer.
            unsafe { change.tell(*enabled, previousstate, room, returnlength) }?;
        }
        *enabled = change.after;
        Ok(change.missing)
    });
    match last_error::note(adjusted) {
        Some(missing) => {
            last_error::set(if missing { ERROR_NOT_ALL_ASSIGNED } else { ERROR_SUCCESS });
            TRUE
        }
        None => FALSE,
    }
}

fn check(token: HANDLE, needed: TOKEN_ACCESS_MASK) -> Result<(), Failure> {
    let refuse = |status, fix| Err(Failure::argument(status, "handle", token.addr() as u64, fix));
    match handles::thing(token)? {
        (Thing::Token, access) if access & needed == needed => Ok(()),
        (Thing::Token, _) => {
            refuse(NtStatus::ACCESS_DENIED, "it lacks a right of the token; open the token with it")
        }
        (Thing::Process(_) | Thing::Section(_) | Thing::File(_), _) => {
            refuse(NtStatus::OBJECT_TYPE_MISMATCH, "it is not the handle of a token")
        }
    }
}

/// What is to become of which privileges.
///
/// # Safety
/// `state` is NULL or has as many privileges as it says.
unsafe fn wanted(
    disable_all: BOOL,
    state: *const TOKEN_PRIVILEGES,
) -> Result<Vec<LUID_AND_ATTRIBUTES>, Failure> {
    if disable_all != 0 {
        let disabled = |(number, _): &(u32, _)| LUID_AND_ATTRIBUTES {
            Luid: LUID { LowPart: *number, HighPart: 0 },
            Attributes: 0,
        };
        return Ok(NAMES.iter().filter(|(number, _)| is_held(*number)).map(disabled).collect());
    }
    require_pointer(state.is_null(), "new state")?;
    // SAFETY: it is not NULL, so the caller vouches for it.
    let count = unsafe { (&raw const (*state).PrivilegeCount).read_unaligned() };
    if count as usize > 16 * NAMES.len() {
        let fix = "there are fewer privileges";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "privilege count", count.into(), fix));
    }
    // SAFETY: as above, for the first and for those behind it.
    let at = |index| unsafe {
        (&raw const (*state).Privileges).cast::<LUID_AND_ATTRIBUTES>().add(index).read_unaligned()
    };
    Ok((0..count as usize).map(at).collect())
}

/// Whether the administrator has granted a privilege, in the words of Linux.
fn is_held(number: u32) -> bool {
    match number {
        LOCK_MEMORY => privilege::may_lock_pages(),
        DEBUG => privilege::may_trace_others(),
        CHANGE_NOTIFY | INCREASE_WORKING_SET => true,
        _ => false,
    }
}

/// What a call comes to.
#[derive(Debug)]
struct Change {
    /// What is enabled then.
    after: u64,
    /// The numbers of those that change.
    changed: Vec<u32>,
    /// Whether one was asked for that is not held.
    missing: bool,
}

impl Change {
    fn of(enabled: u64, wanted: &[LUID_AND_ATTRIBUTES]) -> Self {
        let mut change = Self { after: enabled, changed: Vec::new(), missing: false };
        for LUID_AND_ATTRIBUTES { Luid: LUID { LowPart: number, HighPart: high }, Attributes: wish } in wanted
        {
            if *high != 0 || !is_held(*number) {
                change.missing = true;
                continue;
            }
            let bit = 1 << number;
            let after =
                if wish & SE_PRIVILEGE_ENABLED != 0 { change.after | bit } else { change.after & !bit };
            if after != change.after {
                change.changed.push(*number);
            }
            change.after = after;
        }
        change
    }

    /// Answers what those that change were before, and how long that is.
    ///
    /// # Safety
    /// `into` has room for `room` bytes; `length` is not NULL, and valid.
    unsafe fn tell(
        &self,
        before: u64,
        into: *mut TOKEN_PRIVILEGES,
        room: usize,
        length: *mut u32,
    ) -> Result<(), Failure> {
        let needed = size_of::<u32>() + self.changed.len() * size_of::<LUID_AND_ATTRIBUTES>();
        // SAFETY: the caller vouches for it.
        unsafe { length.write_unaligned(needed as u32) };
        if room < needed {
            let fix = "give the length that was answered";
            return Err(Failure::argument(NtStatus::BUFFER_TOO_SMALL, "length", room as u64, fix));
        }
        // SAFETY: there is room for the count and for all that changed.
        unsafe {
            (&raw mut (*into).PrivilegeCount).write_unaligned(self.changed.len() as u32);
            let first = (&raw mut (*into).Privileges).cast::<LUID_AND_ATTRIBUTES>();
            for (index, number) in self.changed.iter().enumerate() {
                let attributes = if before & 1 << number != 0 { SE_PRIVILEGE_ENABLED } else { 0 };
                let luid = LUID { LowPart: *number, HighPart: 0 };
                first.add(index).write_unaligned(LUID_AND_ATTRIBUTES { Luid: luid, Attributes: attributes });
            }
        }
        Ok(())
    }
}
