//! Handles: what a number stands for, and what may be done through it (HR rows).

use std::collections::HashMap;
use std::fs::File;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::around::HANDLE_FLAG_PROTECT_FROM_CLOSE;
use super::constants::{
    INVALID_HANDLE_VALUE, PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SET_QUOTA,
    PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE,
};
use super::failure::Failure;
use super::guarded::caught;
use super::section::Section;
use super::status::NtStatus;
use super::types::{HANDLE, PROCESS_ACCESS_RIGHTS};
use crate::own;
use crate::process::Process;

/// What a call does, and so which rights its handle needs (HR10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Allocate, free, protect.
    Operate,
    /// Ask; the full right includes the limited one (VQ28, VQ29).
    Query,
    /// Ask what only the full right tells: which pages are used, and how.
    Inspect,
    /// The same, and change what is told the next time; or say what will be used.
    Recount,
    /// Ask for all pages that are used.
    List,
    /// Change how much memory it may keep.
    Quota,
    /// Copy out.
    Read,
    /// Copy in, which may change protection.
    Write,
    /// Copy in where stores are permitted.
    Store,
    /// Any handle of a process.
    Handle,
}

impl Need {
    const fn rights(self) -> PROCESS_ACCESS_RIGHTS {
        match self {
            Self::Operate => PROCESS_VM_OPERATION,
            Self::Query => PROCESS_QUERY_LIMITED_INFORMATION,
            Self::Inspect => PROCESS_QUERY_INFORMATION,
            Self::List => PROCESS_QUERY_INFORMATION | PROCESS_VM_READ,
            Self::Recount => PROCESS_QUERY_INFORMATION | PROCESS_VM_OPERATION,
            Self::Quota => PROCESS_SET_QUOTA,
            Self::Read => PROCESS_VM_READ,
            Self::Write => PROCESS_VM_WRITE | PROCESS_VM_OPERATION,
            Self::Store => PROCESS_VM_WRITE,
            Self::Handle => 0,
        }
    }

    /// What to say of a handle without them.
    const fn missing(self) -> &'static str {
        match self {
            Self::Operate => "it lacks PROCESS_VM_OPERATION; open the process with that right",
            Self::Query | Self::Inspect => {
                "it lacks PROCESS_QUERY_INFORMATION; open the process with that right"
            }
            Self::List => "it lacks PROCESS_QUERY_INFORMATION or PROCESS_VM_READ; open the process with both",
            Self::Recount => {
                "it lacks PROCESS_QUERY_INFORMATION or PROCESS_VM_OPERATION; open the process with both"
            }
            Self::Quota => "it lacks PROCESS_SET_QUOTA; open the process with that right",
            Self::Read => "it lacks PROCESS_VM_READ; open the process with that right",
            Self::Write => "it lacks PROCESS_VM_WRITE or PROCESS_VM_OPERATION; open the process with both",
            Self::Store => "it lacks PROCESS_VM_WRITE; open the process with that right",
            Self::Handle => "it is not the handle of a process; open the process first",
        }
    }
}

/// Rights that the kernel must agree to: they let the holder look into the process
/// or change it.
const TRACING: PROCESS_ACCESS_RIGHTS =
    PROCESS_VM_OPERATION | PROCESS_VM_READ | PROCESS_VM_WRITE | PROCESS_QUERY_INFORMATION;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(super) enum Thing {
    /// A process.
    Process(Process),
    /// A section.
    Section(Arc<Section>),
    /// A file that the program opened.
    File(Arc<File>),
    /// The privileges of this process.
    Token,
}

impl Thing {
    /// Whether both are the same object. Of processes with one number, one has ended if they are
    /// two.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Process(one), Self::Process(other)) => {
                one.pid() == other.pid() && one.has_ended() == other.has_ended()
            }
            (Self::Section(one), Self::Section(other)) => Arc::ptr_eq(one, other),
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Token, Self::Token) => true,
            (Self::Process(_) | Self::Section(_) | Self::File(_) | Self::Token, _) => false,
        }
    }
}

#[derive(Debug)]
struct Entry {
    /// `PROCESS_…` or `SECTION_…`.
    access: PROCESS_ACCESS_RIGHTS,
    /// `HANDLE_FLAG_…`.
    flags: AtomicU32,
    thing: Thing,
}

impl Entry {
    fn is_protected(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & HANDLE_FLAG_PROTECT_FROM_CLOSE != 0
    }
}

/// The pseudo handle of the calling thread.
pub(super) const CURRENT_THREAD: HANDLE = ptr::without_provenance_mut(usize::MAX - 1);

/// All open handles. Numbers are multiples of 4 that count upwards, so that a
/// number that was closed does not soon mean something else. None is the id of a
/// process: Windows CE calls take either.
#[derive(Debug)]
struct Table {
    last: u32,
    open: Option<HashMap<u32, Arc<Entry>>>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { last: BEFORE_FIRST, open: None });

/// `PID_MAX_LIMIT`: no process id of Linux is as high.
const BEFORE_FIRST: u32 = 0x40_0000;

/// The highest number: those above would be negative in programs that store
/// handles in 32 bits.
const LAST: u32 = 0x7fff_fffc;

impl Table {
    fn insert(&mut self, entry: Entry) -> u32 {
        let open = self.open.get_or_insert_default();
        loop {
            self.last = if self.last >= LAST { BEFORE_FIRST } else { self.last } + 4;
            if let std::collections::hash_map::Entry::Vacant(vacant) = open.entry(self.last) {
                vacant.insert(Arc::new(entry));
                return self.last;
            }
        }
    }

    fn get(&self, handle: HANDLE) -> Option<Arc<Entry>> {
        self.open.as_ref()?.get(&number(handle)?).cloned()
    }
}

/// The low two bits are the program's to use.
fn number(handle: HANDLE) -> Option<u32> {
    u32::try_from(handle.addr()).ok().map(|number| number & !3)
}

/// Opens a process for what `access` says.
///
/// # Errors
/// 87 when there is no such process, 5 when the kernel does not let this caller
/// trace it and `access` asks for what needs that.
pub(super) fn open(pid: u32, access: PROCESS_ACCESS_RIGHTS) -> Result<HANDLE, Failure> {
    if pid == 0 {
        let fix = "give the id of a live process";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "process id", 0, fix));
    }
    caught(|| {
        let process = Process::open(pid)?;
        if access & TRACING != 0 {
            process.check_access()?;
        }
        Ok(insert(Thing::Process(process), access))
    })
}

/// One more handle, with these rights.
pub(super) fn insert(thing: Thing, access: u32) -> HANDLE {
    own::watch_forks();
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let number = table.insert(Entry { access, flags: AtomicU32::new(0), thing });
    ptr::without_provenance_mut(number as usize)
}

/// What a handle stands for, and which rights it has.
///
/// # Errors
/// 6 for no handle.
pub(super) fn thing(handle: HANDLE) -> Result<(Thing, u32), Failure> {
    if handle == INVALID_HANDLE_VALUE {
        return Ok((Thing::Process(Process::current()), u32::MAX));
    }
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let entry = table.get(handle).ok_or_else(|| invalid(handle))?;
    Ok((entry.thing.clone(), entry.access))
}

/// The flags of an open handle.
///
/// # Errors
/// 6 for no handle, and for the pseudo handles, which have none.
pub(super) fn flags(handle: HANDLE) -> Result<u32, Failure> {
    Ok(entry(handle)?.flags.load(Ordering::Relaxed))
}

/// Changes the flags of an open handle that `mask` names.
///
/// # Errors
/// As [`flags`].
pub(super) fn set_flags(handle: HANDLE, mask: u32, flags: u32) -> Result<(), Failure> {
    let entry = entry(handle)?;
    entry.flags.fetch_and(!mask | flags, Ordering::Relaxed);
    entry.flags.fetch_or(mask & flags, Ordering::Relaxed);
    Ok(())
}

fn entry(handle: HANDLE) -> Result<Arc<Entry>, Failure> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    table.get(handle).ok_or_else(|| invalid(handle))
}

/// The section behind a handle.
///
/// # Errors
/// 6 for no handle and for one of something else (MV24, MV25), 5 for a missing right
/// (HR22 to HR26).
pub(super) fn section(handle: HANDLE, needed: u32) -> Result<Arc<Section>, Failure> {
    match thing(handle)? {
        (Thing::Section(_), access) if access & needed != needed => {
            let fix = "it lacks a right of the section; open the section with it";
            Err(named(handle, NtStatus::ACCESS_DENIED, fix))
        }
        (Thing::Section(section), _) => Ok(section),
        (Thing::Process(_) | Thing::File(_) | Thing::Token, _) => {
            Err(named(handle, NtStatus::OBJECT_TYPE_MISMATCH, "it is not the handle of a section"))
        }
    }
}

/// Closes a handle; a second time it is none any more.
///
/// # Errors
/// 6 when it is not open.
pub(super) fn close(handle: HANDLE) -> Result<(), Failure> {
    if handle == INVALID_HANDLE_VALUE || handle == CURRENT_THREAD {
        return Ok(()); // The pseudo handles need no closing, and do not mind.
    }
    let entry = {
        let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
        if table.get(handle).is_some_and(|entry| entry.is_protected()) {
            return Err(named(
                handle,
                NtStatus::HANDLE_NOT_CLOSABLE,
                "it is protected; remove the flag first",
            ));
        }
        number(handle).and_then(|number| table.open.as_mut()?.remove(&number))
    };
    // The process is let go outside of the lock, once the last call that uses it
    // has returned.
    let entry = entry.ok_or_else(|| invalid(handle))?;
    caught(|| {
        drop(entry);
        Ok(())
    })
}

/// Serves a call through a handle.
///
/// # Errors
/// 6 for no handle (HR12, HR14), 5 for a missing right (HR01 to HR09) or when the
/// process ended (HR16 to HR20), else what `serve` says.
pub(super) fn through<T>(
    handle: HANDLE,
    need: Need,
    serve: impl FnOnce(&Process) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if handle == INVALID_HANDLE_VALUE {
        return caught(|| serve(&Process::current())); // HR15: no table, no lock
    }
    let entry = entry(handle)?;
    let Thing::Process(process) = &entry.thing else {
        // HR14
        return Err(named(handle, NtStatus::OBJECT_TYPE_MISMATCH, "it is not the handle of a process"));
    };
    if !grants(entry.access, need.rights()) {
        return Err(named(handle, NtStatus::ACCESS_DENIED, need.missing()));
    }
    caught(|| serve(process)).map_err(|failure| {
        // Whatever went wrong: that the process ended says more.
        if process.has_ended() { ended(handle, &failure) } else { failure }
    })
}

/// Keeps everybody else from the handles, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_rw_lock(&TABLE)
}

/// The process behind an open handle, whatever rights it has.
pub(crate) fn process(handle: HANDLE) -> Option<Process> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    match &table.get(handle)?.thing {
        Thing::Process(process) => Some(process.clone()),
        Thing::Section(_) | Thing::File(_) | Thing::Token => None,
    }
}

fn grants(access: PROCESS_ACCESS_RIGHTS, needed: PROCESS_ACCESS_RIGHTS) -> bool {
    let implied = if access & PROCESS_QUERY_INFORMATION != 0 { PROCESS_QUERY_LIMITED_INFORMATION } else { 0 };
    (access | implied) & needed == needed
}

fn invalid(handle: HANDLE) -> Failure {
    named(handle, NtStatus::INVALID_HANDLE, "it is not the handle of a process; open the process first")
}

/// The refusal of a call on a process that has ended.
fn ended(handle: HANDLE, failure: &Failure) -> Failure {
    let fix = "its process has ended, and nothing is left to act on; close it";
    let gone = named(handle, NtStatus::PROCESS_IS_TERMINATING, fix);
    match failure.transferred {
        Some(transferred) => gone.after(transferred),
        None => gone,
    }
}

fn named(handle: HANDLE, status: NtStatus, fix: &'static str) -> Failure {
    Failure::argument(status, "handle", handle.addr() as u64, fix)
}
