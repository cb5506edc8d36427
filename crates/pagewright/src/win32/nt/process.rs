//! `NtOpenProcess`, `NtClose`.

use pagewright_core::Kind;

use super::super::NTSTATUS;
use super::super::calls::require_pointer;
use super::super::failure::Failure;
use super::super::handles;
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::types::{CLIENT_ID, OBJECT_ATTRIBUTES};
use super::{names, status};

/// Opens the process that `clientid` names for the rights in `desiredaccess`; a thread beside it
/// must be one of that process. Processes have no names, so the attributes have none.
///
/// # Safety
/// The pointers are NULL or valid.
pub unsafe extern "system" fn NtOpenProcess(
    processhandle: *mut HANDLE,
    desiredaccess: u32,
    objectattributes: *const OBJECT_ATTRIBUTES,
    clientid: *const CLIENT_ID,
) -> NTSTATUS {
    // SAFETY: the caller vouches for the pointers.
    let opened = unsafe { client(objectattributes, clientid) }.and_then(|client| {
        require_pointer(processhandle.is_null(), "pointer for the handle")?;
        open(client, desiredaccess)
    });
    status(opened.map(|handle| {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        unsafe { processhandle.write_unaligned(handle) };
    }))
}

/// Who is meant.
///
/// # Safety
/// The pointers are NULL or valid.
unsafe fn client(
    attributes: *const OBJECT_ATTRIBUTES,
    client: *const CLIENT_ID,
) -> Result<CLIENT_ID, Failure> {
    require_pointer(attributes.is_null(), "pointer to the attributes")?;
    // SAFETY: the caller vouches for it.
    let named = !unsafe { names::attributes(attributes) }?.ObjectName.is_null();
    if named || client.is_null() {
        let fix = "processes have no names; give a client id, and a NULL name";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_MIX, "client id", 0, fix));
    }
    // SAFETY: it is not NULL, and the caller vouches for it then.
    Ok(unsafe { client.read_unaligned() })
}

fn open(client: CLIENT_ID, access: u32) -> Result<HANDLE, Failure> {
    let (pid, tid) = (client.UniqueProcess.addr(), client.UniqueThread.addr());
    let known = u32::try_from(pid).ok().filter(|pid| *pid != 0).ok_or_else(|| unknown(pid))?;
    if tid != 0 && !std::path::Path::new(&format!("/proc/{pid}/task/{tid}")).exists() {
        return Err(unknown(tid));
    }
    handles::open(known, access).map_err(|failure| match &failure.error {
        Some(error) if error.kind() == Kind::NoProcess => failure.called(NtStatus::INVALID_CID),
        Some(_) | None => failure,
    })
}

fn unknown(id: usize) -> Failure {
    let fix = "give the id of a live process, and of a thread of it or NULL";
    Failure::argument(NtStatus::INVALID_CID, "client id", id as u64, fix)
}

/// Closes a handle.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn NtClose(handle: HANDLE) -> NTSTATUS {
    status(handles::close(handle))
}
