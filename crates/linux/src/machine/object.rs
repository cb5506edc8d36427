//! Objects: files in memory, which the machine maps wherever their pages are shown.
//!
//! In the own process everybody may close our descriptors and open other files under
//! their numbers. So the file that a number was made for is recorded, and compared
//! before each use: what was lost can cause a refusal, but never a mapping of a file
//! that is somebody else's.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use pagewright_core::wire::FileId;
use pagewright_core::{Content, Kind, ObjectId, Refusal, Rights};

use super::Linux;
use super::frames::Master;
use crate::sys::{self, Errno, Fd, OpenMode};

/// The part of the descriptors that a process may have that objects may take: a
/// quarter.
const SHARE: u64 = 4;

/// Where our descriptors begin, if there may be so many: beyond what `select` can name.
const LEAST: u64 = 1024;

/// Device and inode of a file.
pub(super) type File = (u64, u64);

/// A descriptor that was ours when it was recorded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    raw: i32,
    file: File,
}

impl Descriptor {
    /// Takes a descriptor over, under a high number if there is one.
    pub(super) fn new(fd: Fd, file: File) -> Self {
        let limit = sys::descriptor_limit().unwrap_or(LEAST);
        let least = LEAST.min(limit - limit / SHARE);
        let fd = sys::duplicate_from(fd.raw(), least).unwrap_or(fd);
        Self { raw: fd.into_raw(), file }
    }

    /// The number, if it still means the file.
    pub(super) fn usable(&self) -> Option<i32> {
        (sys::file_id(self.raw) == Ok(self.file)).then_some(self.raw)
    }

    /// Which file it is of.
    pub(super) const fn file(&self) -> File {
        self.file
    }

    /// The number, usable or not.
    pub(super) const fn raw(&self) -> i32 {
        self.raw
    }
}

impl Drop for Descriptor {
    /// Closes what is still ours.
    fn drop(&mut self) {
        if let Some(raw) = self.usable() {
            // SAFETY: the number means the file that it was made for.
            drop(unsafe { Fd::from_raw(raw) });
        }
    }
}

/// One object.
#[derive(Debug)]
pub(super) struct Object {
    descriptor: Option<Descriptor>,
    pub(super) file: File,
    pub(super) pages: u64,
    /// Where memory of the program's was when it became pages of this.
    pub(super) program: Option<u64>,
    /// Where it is mapped for good, if its pages are frames.
    pub(super) master: Option<Master>,
}

impl Object {
    const fn new(descriptor: Option<Descriptor>, file: File, pages: u64) -> Self {
        Self { descriptor, file, pages, program: None, master: None }
    }

    /// The descriptor, if there is one that still means the file.
    pub(super) fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref().filter(|descriptor| descriptor.usable().is_some())
    }
}

/// Every object that this machine knows.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) map: BTreeMap<ObjectId, Object>,
    /// The last that was looked at, of those that have memory of the program's.
    pub(super) looked_at: Option<ObjectId>,
}

impl Clone for Objects {
    /// The same files, under descriptors of their own.
    fn clone(&self) -> Self {
        let copy = |object: &Object| Object {
            descriptor: object.descriptor().and_then(|descriptor| {
                let fd = sys::duplicate_from(descriptor.raw, 0).ok()?;
                Some(Descriptor::new(fd, object.file))
            }),
            file: object.file,
            pages: object.pages,
            program: object.program,
            master: None,
        };
        let map = self.map.iter().map(|(id, object)| (*id, copy(object))).collect();
        Self { map, looked_at: self.looked_at }
    }
}

impl Objects {
    pub(super) fn get(&self, object: ObjectId) -> Option<&Object> {
        self.map.get(&object)
    }

    /// The object that holds `pages` pages of this content.
    pub(super) fn holder(&self, content: Content, pages: u64) -> Result<&Object, Refusal> {
        let fits = |object: &&Object| content.first.checked_add(pages).is_some_and(|end| end <= object.pages);
        self.get(content.object).filter(fits).ok_or(Refusal::NoObject)
    }

    /// The object whose bytes are in this file.
    pub(super) fn of_file(&self, file: File) -> Option<ObjectId> {
        self.map.iter().find(|(_, object)| object.file == file).map(|(id, _)| *id)
    }

    /// An object that is known by what is mapped of it, and has no descriptor.
    pub(super) fn learn(&mut self, object: ObjectId, file: File, pages: u64) {
        let known = self.map.entry(object).or_insert(Object::new(None, file, 0));
        known.pages = known.pages.max(pages);
    }

    fn insert(&mut self, object: ObjectId, fd: Fd, file: File, pages: u64) -> Result<(), Refusal> {
        if self.map.contains_key(&object) {
            return Err(Refusal::NoObject);
        }
        let descriptor = Some(Descriptor::new(fd, file));
        self.map.insert(object, Object::new(descriptor, file, pages));
        Ok(())
    }

    /// An object whose pages are frames: it needs no descriptor.
    pub(super) fn insert_framed(
        &mut self,
        object: ObjectId,
        file: File,
        pages: u64,
        master: Master,
    ) -> Result<(), Refusal> {
        if self.map.contains_key(&object) {
            return Err(Refusal::NoObject);
        }
        let framed = Object { master: Some(master), ..Object::new(None, file, pages) };
        self.map.insert(object, framed);
        Ok(())
    }

    /// Whether one more descriptor is too many.
    pub(super) fn is_full(&self) -> bool {
        let held = self.map.values().filter(|object| object.descriptor.is_some()).count();
        sys::descriptor_limit().is_ok_and(|limit| held as u64 >= limit / SHARE)
    }
}

impl Linux {
    /// A file in memory of `pages` pages, which can neither shrink nor grow.
    ///
    /// # Errors
    /// There is none. `NoObject` without a free descriptor, or where the process may
    /// not make files this large; `OutOfMemory`.
    pub fn new_file(&mut self, pages: u64) -> Result<Fd, Refusal> {
        let bytes = self.file_bytes(pages)?;
        self.let_go();
        if self.objects.is_full() {
            return Err(Refusal::NoObject);
        }
        let fd = sys::memfd_create(c"pagewright").map_err(no_object)?;
        sys::ftruncate(fd.raw(), bytes).map_err(no_object)?;
        sys::add_seals(fd.raw(), sys::SEAL_SHRINK | sys::SEAL_GROW).map_err(no_object)?;
        Ok(fd)
    }

    /// Bytes of a file that this process may make: beyond its limit, the kernel would
    /// send a signal that ends it.
    fn file_bytes(&self, pages: u64) -> Result<u64, Refusal> {
        let most = sys::file_size_limit().min(i64::MAX as u64);
        pages
            .checked_mul(self.geometry.page)
            .filter(|bytes| 0 < *bytes && *bytes <= most)
            .ok_or(Refusal::NoObject)
    }

    pub(super) fn create_object(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        let fd = self.new_file(pages)?;
        let file = sys::file_id(fd.raw()).map_err(no_object)?;
        self.plant();
        self.objects.insert(object, fd, file, pages)
    }

    pub(super) fn discard_pages(&mut self, object: ObjectId, first: u64, pages: u64) {
        let page = self.geometry.page;
        if let Some(master) = self.objects.get(object).and_then(|object| object.master.as_ref()) {
            let part = master.part(first, pages, page);
            self.drop_framed(part);
        } else if let Some(descriptor) = self.objects.get(object).and_then(Object::descriptor) {
            // SAFETY: nobody shows the pages, says the caller of the verb.
            let _ = unsafe { sys::punch_hole(descriptor.raw, first * page, pages * page) };
        }
    }

    pub(super) fn close_object(&mut self, object: ObjectId) {
        self.objects.map.remove(&object);
    }

    /// Takes over an object that came from another process: `fd` is open on `file`,
    /// which cannot shrink. The machine closes the descriptor when it is done.
    ///
    /// # Errors
    /// Nothing is known then that was not before. `NoObject` if the name is taken or
    /// there are too many descriptors, `Denied` for a file that is another one, or
    /// whose pages could go away.
    pub fn adopt(&mut self, object: ObjectId, fd: Fd, file: FileId) -> Result<(), Refusal> {
        let file = (file.device, file.inode);
        let is_safe = |seals: u32| seals & sys::SEAL_SHRINK != 0;
        if sys::file_id(fd.raw()) != Ok(file) || !sys::get_seals(fd.raw()).is_ok_and(is_safe) {
            return Err(Refusal::Denied);
        }
        self.let_go();
        if self.objects.is_full() {
            return Err(Refusal::NoObject);
        }
        let bytes = sys::file_size(fd.raw()).map_err(no_object)?;
        self.plant();
        self.objects.insert(object, fd, file, bytes / self.geometry.page)
    }

    /// Takes over a descriptor that this process was given, and of which `pages` pages may
    /// be shown: of a device, of memory that somebody else looks after. Whether the pages
    /// stay is for him to say. The machine closes the descriptor when it is done.
    ///
    /// # Errors
    /// Nothing is known then that was not before. `NoObject` if the name is taken, the
    /// number means nothing, or there are too many descriptors.
    pub fn adopt_descriptor(&mut self, object: ObjectId, fd: Fd, pages: u64) -> Result<(), Refusal> {
        self.let_go();
        if self.objects.is_full() {
            return Err(Refusal::NoObject);
        }
        let file = sys::file_id(fd.raw()).map_err(no_object)?;
        self.plant();
        self.objects.insert(object, fd, file, pages)
    }

    /// An object whose bytes are in this file, with a descriptor that permits views with
    /// these rights. There may be several: a file that was opened for reading, because no
    /// more was asked for, is opened again when it is.
    pub fn object_for(&self, file: FileId, rights: Rights) -> Option<ObjectId> {
        let file = (file.device, file.inode);
        let suits = |object: &Object| match object.descriptor() {
            Some(descriptor) if rights.contains(Rights::WRITE) => {
                sys::open_mode(descriptor.raw) == Ok(OpenMode::ReadWrite)
            }
            Some(_) => true,
            // Views that are there can be had again.
            None => !rights.contains(Rights::WRITE),
        };
        self.objects.map.iter().find(|(_, object)| object.file == file && suits(object)).map(|(id, _)| *id)
    }

    /// What another process needs to show an object: the number under which this one
    /// has its file open, and which file that is. From now on nobody can seal the file
    /// against stores.
    ///
    /// # Errors
    /// [`Kind::NoObject`] without an object, or when its descriptor is lost.
    pub fn lendable(&mut self, object: ObjectId) -> Result<(u32, FileId), Kind> {
        let known = self.objects.get(object).ok_or(Kind::NoObject)?;
        let descriptor = known.descriptor().ok_or(Kind::NoObject)?;
        let seals = sys::SEAL_SHRINK | sys::SEAL_GROW | sys::SEAL_SEAL;
        // A file that was lent before has all seals, one that came read-only has those
        // of its maker.
        if sys::add_seals(descriptor.raw, seals).is_err() {
            let sealed = sys::get_seals(descriptor.raw).map_err(|_| Kind::NoObject)?;
            if sealed & sys::SEAL_SHRINK == 0 {
                return Err(Kind::NoObject);
            }
        }
        let (device, inode) = known.file;
        Ok((descriptor.raw.unsigned_abs(), FileId { device, inode }))
    }

    /// The number under which this process has an object's file open; `None` without
    /// one, or if it means something else now.
    pub fn descriptor(&self, object: ObjectId) -> Option<i32> {
        self.objects.get(object)?.descriptor().map(Descriptor::raw)
    }

    /// Closes the descriptor of an object, which can then still be shown where it is, and
    /// with it what is shown shared now.
    pub fn close_descriptor(&mut self, object: ObjectId) {
        if let Some(known) = self.objects.map.get_mut(&object) {
            known.descriptor = None;
        }
    }

    /// This process has another descriptor table now: the numbers of all objects may
    /// mean anybody's files.
    pub fn lose_descriptors(&mut self) {
        let lost: Vec<_> =
            self.objects.map.values_mut().filter_map(|object| object.descriptor.take()).collect();
        lost.into_iter().for_each(core::mem::forget);
    }
}

/// Why there is no object.
pub(super) const fn no_object(error: Errno) -> Refusal {
    match error {
        Errno::ENOMEM | Errno::ENOSPC => Refusal::OutOfMemory,
        _other => Refusal::NoObject,
    }
}
