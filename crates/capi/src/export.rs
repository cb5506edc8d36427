//! One symbol for one function of the Rust crate.

/// Exports functions of a module of the Rust crate under their own names:
/// `export! { mod rust::win32 { fn SetLastError(code: u32); } }`.
///
/// The parameters are those of the function; the compiler sees to that.
macro_rules! export {
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
