//! Stores that are noted, and content that may go.

use rust::{After, Fate, Mark, Memory, Recycle, Stores, Survival, Written};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{Out, User, Visit};
use super::region::Range;
use super::report::{Report, answer};
use super::words::meant;

#[unsafe(no_mangle)]
extern "C" fn pw_written(
    process: Handle,
    at: u64,
    size: u64,
    limit: u64,
    after: u32,
    visit: Visit<Range>,
    user: User,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let (visit, after): (_, After) = (visit.needed("visit")?, meant(after)?);
        let runs = process.process()?.written(&Written { at, size, limit, after })?;
        visit.each(user, runs.into_iter().map(Range::from));
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_mark(process: Handle, at: u64, size: u64, stores: u32, error: Out<Report>) -> Code {
    answer(error, || {
        let stores: Stores = meant(stores)?;
        process.process()?.mark(&Mark { at, size, stores })?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_recycle(
    process: Handle,
    at: u64,
    size: u64,
    fate: u32,
    intact: Out<u8>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let fate: Fate = meant(fate)?;
        intact.put(match process.process()?.recycle(&Recycle { at, size, fate })? {
            Survival::Intact => 1,
            Survival::Lost => 0,
        });
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_prefetch(process: Handle, at: u64, size: u64, error: Out<Report>) -> Code {
    answer(error, || Ok(process.process()?.prefetch(at, size)?))
}
