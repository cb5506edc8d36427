//! Objects of one process in another: lending them, and getting at what was lent.
//!
//! A descriptor is never sent. Who needs one opens the file through the `/proc` entry of
//! the thread that holds it, which the kernel permits to whoever may look into that
//! process, and compares the file with the one that was meant.

use alloc::vec::Vec;

use pagewright_core::wire::{FileId, Holder, Lease};
use pagewright_core::{AddressSpace, Extent, Kind, ObjectId, Rights};

use crate::machine::Linux;
use crate::sys::{self, Errno, Fd, OpenMode, Text};

/// The most leases of one request.
pub const MOST: usize = 512;

/// Where pages of this address space are, for another process to show them. The objects
/// can neither shrink nor grow from now on.
///
/// # Errors
/// [`Kind::NoObject`] when the descriptor of an object is lost, [`Kind::MapBudget`] when
/// the pages are scattered over more than [`MOST`] runs.
pub fn lend(machine: &mut Linux, extents: &[Extent], holder: Holder) -> Result<Vec<Lease>, Kind> {
    if extents.len() > MOST {
        return Err(Kind::MapBudget);
    }
    let lease = |extent: &Extent| {
        let (descriptor, file) = machine.lendable(extent.object)?;
        let Extent { first, pages, ceiling, .. } = *extent;
        Ok(Lease { first, pages, ceiling, file, holder: Holder { descriptor, ..holder } })
    };
    extents.iter().map(lease).collect()
}

/// Makes what was leased known to the machine, under the next names of `space`: the pages
/// to import. `lent` is a file that was made for this, if there is one.
///
/// # Errors
/// [`Kind::AccessDenied`] when this process may not open a file, [`Kind::Gone`] when it is
/// not there any more or is another one, [`Kind::NoObject`] without a free descriptor.
/// Nothing new is known then.
pub fn borrow(
    machine: &mut Linux,
    space: &AddressSpace,
    leases: &[Lease],
    rights: Rights,
    lent: &mut Option<Fd>,
) -> Result<Vec<Extent>, Kind> {
    let mut extents = Vec::with_capacity(leases.len());
    let mut next = space.next_object();
    for lease in leases {
        match find_or_open(machine, lease, rights, lent, next) {
            Ok(object) => {
                if object == next {
                    next = ObjectId(next.0 + 1);
                }
                let Lease { first, pages, .. } = *lease;
                let ceiling = lease.ceiling.intersection(permitted(rights));
                extents.push(Extent { object, first, pages, ceiling });
            }
            Err(kind) => {
                for new in space.next_object().0..next.0 {
                    pagewright_core::Machine::close(machine, ObjectId(new));
                }
                return Err(kind);
            }
        }
    }
    Ok(extents)
}

/// What a view may ever be given whose file is opened for `rights`: who asked for no stores
/// is not to pass the right to store on.
fn permitted(rights: Rights) -> Rights {
    if rights.contains(Rights::WRITE) { Rights::USUAL } else { Rights::READ.union(Rights::EXECUTE) }
}

fn find_or_open(
    machine: &mut Linux,
    lease: &Lease,
    rights: Rights,
    lent: &mut Option<Fd>,
    next: ObjectId,
) -> Result<ObjectId, Kind> {
    if let Some(known) = machine.object_for(lease.file, rights) {
        return Ok(known);
    }
    let fd = match lent.take() {
        Some(fd) if is_file(&fd, lease.file) => fd,
        other => {
            *lent = other;
            open(lease, rights)?
        }
    };
    machine.adopt(next, fd, lease.file).map_err(Kind::from)?;
    Ok(next)
}

/// Opens the file that a thread of a process has open, if it is the one that is meant.
///
/// # Errors
/// As [`borrow`].
pub fn open(lease: &Lease, rights: Rights) -> Result<Fd, Kind> {
    let mode = if rights.contains(Rights::WRITE) { OpenMode::ReadWrite } else { OpenMode::Read };
    let Holder { pid, tid, descriptor } = lease.holder;
    let path = Path::new(&[b"/proc/", b"/task/", b"/fd/"], &[pid, tid, descriptor]);
    // Whoever named the descriptor may name anything: a device that does something when it
    // is opened, too. So it is looked at first.
    let seen = sys::look(path.text()).map_err(kind_of)?;
    if !is_file(&seen, lease.file) || sys::is_regular(seen.raw()) != Ok(true) {
        return Err(Kind::Gone);
    }
    let again = Path::new(&[b"/proc/thread-self/fd/"], &[seen.raw().unsigned_abs()]);
    let fd = sys::open(again.text(), mode).map_err(kind_of)?;
    if is_file(&fd, lease.file) { Ok(fd) } else { Err(Kind::Gone) }
}

/// Whether this process may open what that one holds: it may if it may read its map.
pub fn can_reach(holder: Holder) -> bool {
    let path = Path::new(&[b"/proc/", b"/task/", b"/maps"], &[holder.pid, holder.tid]);
    sys::open(path.text(), OpenMode::Read).is_ok()
}

fn is_file(fd: &Fd, file: FileId) -> bool {
    sys::file_id(fd.raw()).is_ok_and(|(device, inode)| FileId { device, inode } == file)
}

fn kind_of(error: Errno) -> Kind {
    match error {
        Errno::EACCES | Errno::EPERM => Kind::AccessDenied,
        Errno::EMFILE | Errno::ENFILE => Kind::NoObject,
        Errno::ENOMEM => Kind::OutOfMemory,
        Errno::ENOENT | Errno::ESRCH => Kind::Gone,
        other => Kind::Machine(other.raw() as u16),
    }
}

/// A path made of words and numbers in turn, without a heap.
struct Path {
    bytes: [u8; 64],
}

impl Path {
    fn new(words: &[&[u8]], numbers: &[u32]) -> Self {
        let mut path = Self { bytes: [0; 64] };
        let mut at = 0;
        for (index, word) in words.iter().enumerate() {
            at = path.push(at, word);
            if let Some(number) = numbers.get(index) {
                let mut digits = [0; 10];
                at = path.push(at, decimal(*number, &mut digits));
            }
        }
        path
    }

    fn push(&mut self, at: usize, word: &[u8]) -> usize {
        // The last byte stays zero. Three numbers and three words are at most 46 bytes.
        let end = (at + word.len()).min(self.bytes.len() - 1);
        self.bytes[at..end].copy_from_slice(&word[..end - at]);
        end
    }

    fn text(&self) -> &Text {
        Text::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

fn decimal(number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = number;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 || at == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelled_out() {
        let path = Path::new(&[b"/proc/", b"/task/", b"/fd/"], &[1, 4_294_967_295, 0]);
        assert_eq!(path.text(), c"/proc/1/task/4294967295/fd/0");
    }

    #[test]
    fn what_is_opened_must_be_what_was_meant() {
        let own = sys::memfd_create(c"pagewright-test").expect("a memfd");
        let (device, inode) = sys::file_id(own.raw()).expect("a file");
        let file = FileId { device, inode };
        let holder = Holder {
            pid: sys::getpid().unsigned_abs(),
            tid: sys::gettid().unsigned_abs(),
            descriptor: own.raw().unsigned_abs(),
        };
        let lease = Lease { first: 0, pages: 1, ceiling: Rights::USUAL, file, holder };
        assert!(can_reach(holder));
        assert!(open(&lease, Rights::USUAL).is_ok());
        let other = Lease { file: FileId { inode: inode + 1, ..file }, ..lease };
        assert_eq!(open(&other, Rights::USUAL).map(drop), Err(Kind::Gone));
        let nobody = Lease { holder: Holder { descriptor: 99_999, ..holder }, ..lease };
        assert_eq!(open(&nobody, Rights::USUAL).map(drop), Err(Kind::Gone));
    }
}
