//! What Mach does not have: which of its contracts is kept, and what may be shared.

use rust::Consent;
use rust::mach::{self, FaultSignals, Profile, boolean_t, kern_return_t};

/// By their numbers in the header, which are those of the Rust crate.
const PROFILES: [Profile; 3] = [Profile::Doc, Profile::GnuMach, Profile::Xnu];
const _: () = assert!(Profile::Doc as u8 == 0 && Profile::GnuMach as u8 == 1 && Profile::Xnu as u8 == 2);

#[unsafe(no_mangle)]
extern "C" fn PwMachSetProfile(profile: i32) -> kern_return_t {
    let known = usize::try_from(profile).ok().and_then(|number| PROFILES.get(number));
    let Some(known) = known else { return mach::KERN_INVALID_ARGUMENT };
    mach::set_profile(*known);
    mach::KERN_SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn PwMachGetProfile() -> i32 {
    mach::profile() as i32
}

#[unsafe(no_mangle)]
extern "C" fn PwMachAllowForeignSources(allow: boolean_t) {
    mach::set_consent(if allow == 0 { Consent::OwnOnly } else { Consent::Foreign });
}

#[unsafe(no_mangle)]
extern "C" fn PwMachSetFaultSignals(on: boolean_t) {
    mach::set_fault_signals(if on == 0 { FaultSignals::Off } else { FaultSignals::On });
}
