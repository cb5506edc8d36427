//! What Pagewright is tested with.
//!
//! ```text
//!   generate  ──ops──►  run  ──►  Subject   core on a machine, or a live process
//!                        └─────►  Model     the naive specification
//!
//!   Faulty<Null>   fails call N of a machine that is otherwise correct
//!   matrix         interesting values by name, for tables
//!   flags          all combinations of the Win32 bits, and what the facts say of each
//! ```
//!
//! The [`model`] is written from the facts (`reference/win32.md`), not from core:
//! page by page, slow and obvious. Where no fact decides between two refusals, it
//! accepts either; where one does, only that.

pub mod faulty;
pub mod flags;
pub mod generate;
pub mod matrix;
pub mod model;
pub mod null;
pub mod op;
mod room;
pub mod run;
pub mod subject;

pub use faulty::{Fault, Faulty, Mode};
pub use model::{Model, Refused};
pub use null::{Null, Reaping};
pub use op::{Anchor, Bound, Landing, Op, Outcome, Size, Spot, Step, Target, Unit, World};
pub use run::{agree, check_model};
pub use subject::{ARENA, Feature, Local, Subject};
