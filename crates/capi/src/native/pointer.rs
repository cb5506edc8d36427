//! Pointers that callers give. All that is believed of them is in this file: that what is
//! not NULL points to as many bytes as the header says. They need not be aligned.

use std::ffi::c_void;

use super::report::{Refusal, Result};

/// Where an answer goes.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Out<T>(*mut T);

/// Where an argument is.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct In<T>(*const T);

/// Bytes to read or to write; how many is another argument.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Bytes(*mut c_void);

/// What is handed to the caller's functions.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct User(pub(super) *mut c_void);

/// A function that is called for each of many things; answers whether to go on.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Visit<T>(Option<unsafe extern "C" fn(*const T, *mut c_void) -> u8>);

/// A structure that begins with its size, so that it can grow.
///
/// # Safety
/// `repr(C)`, numbers only, without padding, and its first field is its size, a `u32`.
pub(super) unsafe trait Record: Copy {
    /// What C calls it.
    const NAME: &'static str;

    /// The same, with its own size in it.
    fn sized(self) -> Self {
        let mut own = self;
        // SAFETY: the first field is a `u32`.
        unsafe { (&raw mut own).cast::<u32>().write(size_of::<Self>() as u32) };
        own
    }
}

/// No structure of this API will ever be larger.
const LARGEST: usize = 4096;

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T> Clone for Visit<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Visit<T> {}

impl<T: Copy> Out<T> {
    /// Nobody wants an answer.
    pub(super) const NOWHERE: Self = Self(std::ptr::null_mut());

    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Refuses NULL.
    pub(super) fn needed(self, name: &str) -> Result<Self> {
        if self.0.is_null() { Err(missing(name)) } else { Ok(self) }
    }

    /// Puts an answer down, unless nobody wants it.
    pub(super) fn put(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the caller has room for it there.
            unsafe { self.0.write_unaligned(value) };
        }
    }

    /// What is there: for arguments that go both ways.
    pub(super) fn get(self, name: &str) -> Result<T> {
        In(self.0.cast_const()).get(name)
    }

    /// Puts many answers down; the caller has room for as many.
    pub(super) fn put_all(self, values: &[T]) {
        for (index, value) in values.iter().enumerate() {
            // SAFETY: as in `put`, for each of them.
            unsafe { self.0.add(index).write_unaligned(*value) };
        }
    }
}

impl<T: Copy> In<T> {
    pub(super) fn get(self, name: &str) -> Result<T> {
        if self.0.is_null() {
            return Err(missing(name));
        }
        // SAFETY: the caller has put one there.
        Ok(unsafe { self.0.read_unaligned() })
    }

    /// That many of them.
    pub(super) fn get_all(self, count: usize, name: &str) -> Result<Vec<T>> {
        if self.0.is_null() && count > 0 {
            return Err(missing(name));
        }
        if count > isize::MAX as usize / size_of::<T>() {
            return Err(Refusal::argument(format!("there cannot be {count} {name}; give their number")));
        }
        let mut all = Vec::new();
        all.try_reserve_exact(count)
            .map_err(|_| Refusal::argument(format!("no memory for {count} {name}; give fewer")))?;
        // SAFETY: the caller has put that many there.
        all.extend((0..count).map(|index| unsafe { self.0.add(index).read_unaligned() }));
        Ok(all)
    }
}

impl<T: Record> In<T> {
    /// A structure of whatever version.
    pub(super) fn get_record(self) -> Result<T> {
        let size = size_in::<T>(self.0.cast())?;
        // SAFETY: the caller says that it has so many bytes.
        let byte = |index| unsafe { self.0.cast::<u8>().add(index).read() };
        if (size_of::<T>()..size).any(|index| byte(index) != 0) {
            let sentence = format!("{} asks for what this version does not know; set it to 0", T::NAME);
            return Err(Refusal::argument(sentence));
        }
        self.get(T::NAME)
    }
}

impl<T: Record> Out<T> {
    /// Looks whether a structure of this version fits. To be called before anything is done.
    pub(super) fn checked(self) -> Result<Self> {
        size_in::<T>(self.0.cast_const().cast()).map(|_| self)
    }

    /// The same where NULL means that nobody wants to know.
    pub(super) fn checked_if_any(self) -> Result<Self> {
        if self.0.is_null() { Ok(self) } else { self.checked() }
    }

    /// Puts a structure down; its size then says how much of it is known.
    pub(super) fn put_record(self, value: T) {
        self.put(value.sized());
    }
}

/// The size that a structure says it has.
fn size_in<T: Record>(at: *const u32) -> Result<usize> {
    let (name, size) = (T::NAME, In(at).get(T::NAME)? as usize);
    if (size_of::<T>()..=LARGEST).contains(&size) {
        return Ok(size);
    }
    Err(Refusal::argument(format!("struct_size of {name} is {size}; set it to sizeof({name})")))
}

impl Bytes {
    /// To be stored to by this call, `size` of them.
    pub(super) fn to_fill<'a>(self, size: usize, name: &str) -> Result<&'a mut [u8]> {
        if self.is_nothing(size, name)? {
            return Ok(&mut []);
        }
        // SAFETY: the caller has so many there, and this call alone uses them. Only the kernel
        // stores to them, and nobody loads them, whatever they are.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.cast(), size) })
    }

    /// To be loaded by this call, `size` of them.
    pub(super) fn to_take<'a>(self, size: usize, name: &str) -> Result<&'a [u8]> {
        if self.is_nothing(size, name)? {
            return Ok(&[]);
        }
        // SAFETY: the caller has so many there. Only the kernel loads them.
        Ok(unsafe { std::slice::from_raw_parts(self.0.cast(), size) })
    }

    /// Whether there are none; refuses what cannot be.
    fn is_nothing(self, size: usize, name: &str) -> Result<bool> {
        if self.0.is_null() && size > 0 {
            return Err(missing(name));
        }
        if size > isize::MAX as usize {
            let sentence = format!("the size of {name} is {size:#x}, more than there can be; give its size");
            return Err(Refusal::argument(sentence));
        }
        Ok(size == 0)
    }
}

impl<T: Copy> Visit<T> {
    /// Refuses NULL.
    pub(super) fn needed(self, name: &str) -> Result<Self> {
        self.0.map(|_| self).ok_or_else(|| missing(name))
    }

    /// Calls it for one after the other, until it has enough.
    pub(super) fn each(self, user: User, things: impl IntoIterator<Item = T>) {
        let Some(visit) = self.0 else { return };
        for thing in things {
            // SAFETY: the caller gave a function of this type, and what it is to be handed.
            if unsafe { visit(&raw const thing, user.0) } == 0 {
                return;
            }
        }
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::argument(format!("{name} is NULL; give a pointer"))
}
