//! One symbol for one function of the Rust crate.

/// Exports functions of a module of the Rust crate under their own names:
/// `export! { mod rust::win32 { fn SetLastError(code: u32); } }`.
///
/// The parameters are those of the function; the compiler sees to that.
///
/// With `listed` before it they can also be found by name: the module has a `PROCEDURES` then.
macro_rules! export {
    (listed mod $($module:ident)::+ { $(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;)* }) => {
        export!(@each [$($module)::+] $(fn $name($($argument: $type),*) $(-> $answer)?;)*);
        pub(crate) const PROCEDURES: &[crate::procedure::Procedure] = &[$(procedure!($name)),*];
    };
    (mod $($module:ident)::+ { $(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;)* }) => {
        export!(@each [$($module)::+] $(fn $name($($argument: $type),*) $(-> $answer)?;)*);
    };
    (@each $module:tt $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        $(export!(@one $module fn $name($($argument: $type),*) $(-> $answer)?);)*
    };
    (@one [$($module:ident)::+] fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) $(-> $answer)? {
            // SAFETY: the caller vouches for what the header asks of it.
            #[allow(unused_unsafe, reason = "some calls ask nothing")]
            unsafe { $($module)::+::$name($($argument),*) }
        }
    };
}

/// A function by its name.
macro_rules! procedure {
    ($name:ident) => {
        crate::procedure::Procedure::new(stringify!($name), $name as *const ())
    };
}
