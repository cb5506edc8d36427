//! What a process decides once for all its Windows CE calls.

use rust::win32::BOOL;
use rust::wince::{self, Diagnostics, ForeignSources};

#[unsafe(no_mangle)]
extern "C" fn PwAllowForeignSources(allow: BOOL) {
    let which = if allow == 0 { ForeignSources::Refused } else { ForeignSources::Allowed };
    wince::allow_foreign_sources(which);
}

#[unsafe(no_mangle)]
extern "C" fn PwSetStrictDiagnostics(strict: BOOL) {
    let which = if strict == 0 { Diagnostics::Documented } else { Diagnostics::Strict };
    wince::set_diagnostics(which);
}
