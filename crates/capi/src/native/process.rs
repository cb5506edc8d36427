//! Getting hold of a process, and letting it go.

use std::ffi::c_char;

use rust::{Attached, Leftovers, Process, Status};

use super::code::Code;
use super::handle::{self, Handle};
use super::pointer::{Out, Record};
use super::report::{Refusal, Report, answer, copied};
use super::words::meant;

/// `pw_attached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Placed {
    struct_size: u32,
    tid: u32,
    found: u32,
    unused: u32,
    stopped_ns: u64,
}

// SAFETY: numbers, and no padding: 4 · 4 + 8.
unsafe impl Record for Placed {
    const NAME: &'static str = "pw_attached";
}

/// `pw_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Standing {
    struct_size: u32,
    attached: u32,
    tid: u32,
    unused: u32,
    regions: u64,
    committed: u64,
    limit: u64,
    overhead: u64,
    uptime_ms: u64,
    version: [c_char; 32],
    strategy: [c_char; 16],
}

// SAFETY: numbers, and no padding: 4 · 4 + 5 · 8 + 48.
unsafe impl Record for Standing {
    const NAME: &'static str = "pw_status";
}

const _: () = assert!(size_of::<Placed>() == 24 && size_of::<Standing>() == 104, "as the header says");

impl From<Attached> for Placed {
    fn from(attached: Attached) -> Self {
        let Attached { tid, found, stopped_ns } = attached;
        Self { struct_size: 0, tid, found: found.into(), unused: 0, stopped_ns }
    }
}

impl From<Status> for Standing {
    fn from(status: Status) -> Self {
        Self {
            struct_size: 0,
            attached: status.attached.into(),
            tid: status.tid,
            unused: 0,
            regions: status.regions,
            committed: status.committed,
            limit: status.limit,
            overhead: status.overhead,
            uptime_ms: status.uptime_ms,
            version: copied(&status.version),
            strategy: copied(&status.strategy),
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_current() -> Handle {
    Handle::current()
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_open(pid: i32, process: Out<Handle>, error: Out<Report>) -> Code {
    answer(error, || {
        let place = process.needed("process")?;
        let number = u32::try_from(pid).map_err(|_| {
            let sentence = format!("there is no process {pid}; give the id of a live one");
            Refusal::Argument(Code::ERR_NO_PROCESS, sentence)
        })?;
        let found = Process::open(number)?;
        place.put(if found.is_current() { Handle::current() } else { handle::open(found)? });
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_close(process: Handle) -> Code {
    answer(Out::NOWHERE, || handle::close(process))
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_pid(process: Handle) -> i32 {
    let mut pid = 0;
    let _ = answer(Out::NOWHERE, || {
        pid = process.process()?.pid().cast_signed();
        Ok(())
    });
    pid
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_has_ended(process: Handle, ended: Out<u8>, error: Out<Report>) -> Code {
    answer(error, || {
        let ended = ended.needed("ended")?;
        ended.put(process.process()?.has_ended().into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_check_access(process: Handle, error: Out<Report>) -> Code {
    answer(error, || Ok(process.process()?.check_access()?))
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_attach(process: Handle, attached: Out<Placed>, error: Out<Report>) -> Code {
    answer(error, || {
        let attached = attached.checked_if_any()?;
        attached.put_record(process.process()?.attach()?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_status(process: Handle, status: Out<Standing>, error: Out<Report>) -> Code {
    answer(error, || {
        let status = status.checked()?;
        status.put_record(process.process()?.status()?.into());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_detach(process: Handle, leftovers: u32, error: Out<Report>) -> Code {
    answer(error, || {
        let leftovers: Leftovers = meant(leftovers)?;
        Ok(process.process()?.detach(leftovers)?)
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_process_set_commit_limit(process: Handle, bytes: u64, error: Out<Report>) -> Code {
    answer(error, || Ok(process.process()?.set_commit_limit(bytes)?))
}
