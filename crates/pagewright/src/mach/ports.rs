//! Port names: which number stands for what.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::code::{KernReturn, Result};
use super::constants::{MACH_PORT_DEAD, MACH_PORT_NULL};
use super::entry::Entry;
use super::types::mach_port_t;
use crate::own;
use crate::process::Process;

/// The name of the task of this process.
pub(super) const TASK_SELF: mach_port_t = 0x103;
/// The name of this machine.
pub(super) const HOST: mach_port_t = 0x203;
/// Where other names begin; they are 0x100 apart.
const FIRST: mach_port_t = 0x303;
const STEP: mach_port_t = 0x100;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Port {
    /// A process.
    Task(Process),
    /// This machine.
    Host,
    /// Memory that can be mapped.
    Entry(Arc<Entry>),
}

#[derive(Debug)]
struct Named {
    port: Port,
    /// How often the name was handed out.
    references: u32,
}

/// All names but the two fixed ones. They count upwards, so that a name that was let go
/// does not soon mean something else.
#[derive(Debug)]
struct Table {
    last: mach_port_t,
    names: Option<HashMap<mach_port_t, Named>>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { last: FIRST - STEP, names: None });

impl Table {
    fn insert(&mut self, port: Port) -> mach_port_t {
        let names = self.names.get_or_insert_default();
        loop {
            self.last = self.last.checked_add(STEP).filter(|name| *name != MACH_PORT_DEAD).unwrap_or(FIRST);
            if let std::collections::hash_map::Entry::Vacant(vacant) = names.entry(self.last) {
                vacant.insert(Named { port, references: 1 });
                return self.last;
            }
        }
    }
}

/// Gives memory a name.
pub(super) fn name_entry(entry: Entry) -> mach_port_t {
    write().insert(Port::Entry(Arc::new(entry)))
}

/// Hands a name out once more, as a call that answers it does.
pub(super) fn retain(name: mach_port_t) {
    if let Some(named) = write().names.as_mut().and_then(|names| names.get_mut(&name)) {
        named.references = named.references.saturating_add(1);
    }
}

/// The name of a process: one, however often it is asked for.
pub(super) fn name_task(process: Process) -> mach_port_t {
    if process.is_current() {
        return TASK_SELF;
    }
    let mut table = write();
    let known = table.names.as_mut().into_iter().flatten().find(|(_, named)| match &named.port {
        Port::Task(task) => task.pid() == process.pid() && !task.has_ended(),
        Port::Host | Port::Entry(_) => false,
    });
    match known {
        Some((name, named)) => {
            named.references = named.references.saturating_add(1);
            *name
        }
        None => table.insert(Port::Task(process)),
    }
}

/// Gives one reference to a name back; what it stands for goes with the last one.
///
/// # Errors
/// `KERN_INVALID_NAME` for what is no name.
pub(super) fn release(name: mach_port_t) -> Result<()> {
    if name == TASK_SELF || name == HOST {
        return Ok(()); // These are there as long as the process.
    }
    let mut table = write();
    let names = table.names.get_or_insert_default();
    let Some(named) = names.get_mut(&name) else { return Err(KernReturn::INVALID_NAME) };
    named.references -= 1;
    let gone = if named.references == 0 { names.remove(&name) } else { None };
    drop(table);
    // Memory is let go outside of the lock.
    drop(gone);
    Ok(())
}

/// What a name stands for.
pub(super) fn find(name: mach_port_t) -> Option<Port> {
    match name {
        MACH_PORT_NULL | MACH_PORT_DEAD => None,
        TASK_SELF => Some(Port::Task(Process::current())),
        HOST => Some(Port::Host),
        _ => {
            let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
            table.names.as_ref()?.get(&name).map(|named| named.port.clone())
        }
    }
}

/// The task that a call goes to.
///
/// # Errors
/// `MACH_SEND_INVALID_DEST` for no port, and for a task that ended, whose port is dead (T1,
/// T2); `wrong` for a port of something else (T3, T4).
pub(super) fn destination(name: mach_port_t, wrong: KernReturn) -> Result<Process> {
    match find(name) {
        None => Err(KernReturn::SEND_INVALID_DEST),
        Some(Port::Task(process)) if process.has_ended() => Err(KernReturn::SEND_INVALID_DEST),
        Some(Port::Task(process)) => Ok(process),
        Some(Port::Host | Port::Entry(_)) => Err(wrong),
    }
}

/// A task that a call names beside the one that it goes to: whatever is wrong with the name
/// is wrong with an argument (M1, T8).
///
/// # Errors
/// `wrong`.
pub(super) fn argument(name: mach_port_t, wrong: KernReturn) -> Result<Process> {
    destination(name, wrong).map_err(|_| wrong)
}

/// The entry with this name.
pub(super) fn entry(name: mach_port_t) -> Option<Arc<Entry>> {
    match find(name)? {
        Port::Entry(entry) => Some(entry),
        Port::Task(_) | Port::Host => None,
    }
}

/// Keeps everybody else from the names, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_rw_lock(&TABLE)
}

fn write() -> std::sync::RwLockWriteGuard<'static, Table> {
    own::watch_forks();
    TABLE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a name stands for this machine.
pub(super) const fn is_host(name: mach_port_t) -> bool {
    name == HOST
}
