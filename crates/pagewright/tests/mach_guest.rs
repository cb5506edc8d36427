//! The verbs of Mach on emulated guests: the same rows as on processes.

use pagewright::mach::{
    KernReturn, Mapping, Remapping, Result, Task, VM_FLAGS_ANYWHERE, VM_FLAGS_FIXED, VM_INHERIT_COPY,
    VM_INHERIT_NONE, VM_PROT_COPY,
};
use pagewright::soft::Guest;
use pagewright::{Limit, Memory, RemapCopy};

const P: u64 = 0x1000;
const L: u64 = 64 << 10;
const ADDR: Result<()> = Err(KernReturn::INVALID_ADDRESS);
const PROT: Result<()> = Err(KernReturn::PROTECTION_FAILURE);
const ANY: i32 = VM_FLAGS_ANYWHERE;

fn fresh(task: &Task<'_, Guest>, size: u64) -> u64 {
    task.allocate(0, size, ANY).expect("there is room")
}

fn bytes(guest: &Guest, at: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    assert_eq!(guest.read(at, &mut bytes), Ok(bytes.len()));
    bytes
}

fn pattern(size: u64, seed: u8) -> Vec<u8> {
    (0..size).map(|at| (at / 7) as u8 ^ (at / P) as u8 ^ seed).collect()
}

fn fill(guest: &Guest, at: u64, size: u64, seed: u8) -> Vec<u8> {
    let bytes = pattern(size, seed);
    assert_eq!(guest.write(at, &bytes), Ok(bytes.len()));
    bytes
}

#[test]
fn a_d_allocating_and_deallocating() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    assert_eq!(task.allocate(77, 0, ANY), Ok(0), "A1");
    let (first, second) = (fresh(&task, P), fresh(&task, P));
    assert_eq!(second, first + P, "A4");
    assert_eq!(task.allocate(first, 2 * P, VM_FLAGS_FIXED), Err(KernReturn::NO_SPACE), "A7");
    assert_eq!(task.allocate(second + P + 1, P, VM_FLAGS_FIXED), Ok(second + P), "A5");
    assert_eq!(task.allocate(0, P, VM_FLAGS_FIXED), Err(KernReturn::INVALID_ADDRESS), "A6");
    fill(&guest, first, 3 * P, 1);
    assert_eq!(task.deallocate(first + P, P), Ok(()), "D2");
    assert_eq!(task.deallocate(first, 3 * P), Ok(()), "D3");
    assert_eq!(task.region(first).map(|region| region.base()), Err(KernReturn::INVALID_ADDRESS), "G3");
    assert_eq!(task.deallocate(1, u64::MAX), Err(KernReturn::INVALID_ARGUMENT), "D4");
}

#[test]
fn p_i_protecting_and_inheriting() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    let at = fresh(&task, 2 * P);
    assert_eq!(task.protect(at + P, P, Limit::Maximum, 1), Ok(()), "P5");
    assert_eq!(task.protect(at, 2 * P, Limit::Current, 3), PROT, "P3");
    assert_eq!(task.protect(at, 3 * P, Limit::Current, 1), ADDR, "P6");
    assert_eq!(guest.write(at, b"still"), Ok(5));
    assert_eq!(guest.write(at + P, b"x"), Ok(0));
    assert_eq!(task.protect(at + P, P, Limit::Current, 3 | VM_PROT_COPY), Ok(()), "P10");
    assert_eq!(guest.write(at + P, b"x"), Ok(1));
    assert_eq!(task.inherit(at, P, VM_INHERIT_NONE), Ok(()));
    let basic = task.region(at).expect("it is there").basic();
    assert_eq!((basic.inheritance, basic.protection), (VM_INHERIT_NONE, 3));
    assert_eq!(task.inherit(at, P, 3), Err(KernReturn::INVALID_ARGUMENT), "I2");
}

#[test]
fn c_copying_is_independent_and_overlaps_like_memmove() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    let (a, b) = (fresh(&task, 2 * L), fresh(&task, 2 * L));
    let old = fill(&guest, a, 2 * L, 1);
    assert_eq!(task.copy(a, 2 * L, b), Ok(()));
    fill(&guest, a, P, 9);
    assert_eq!(bytes(&guest, b, 2 * L), old, "C1");
    for (size, step) in [(L, P), (L, 1), (P, 7)] {
        let mut model = fill(&guest, a, 2 * L, 3);
        assert_eq!(task.copy(a, size, a + step), Ok(()));
        model.copy_within(..size as usize, step as usize);
        assert_eq!(bytes(&guest, a, 2 * L), model, "C6 {size:#x} {step}");
    }
    assert_eq!(task.protect(b + L, P, Limit::Current, 1), Ok(()));
    let old = bytes(&guest, b, 2 * L);
    assert_eq!(task.copy(a, 2 * L, b), PROT, "C20");
    assert_eq!(bytes(&guest, b, 2 * L), old);
    assert_eq!(task.copy(b + L + P, L, a), ADDR, "C8");
}

#[test]
fn r_w_between_two_guests() {
    let (one, two) = (Guest::new(), Guest::new());
    let (from, into) = (Task::new(&one), Task::new(&two));
    let at = fresh(&from, L);
    let sent = fill(&one, at, L, 1);
    let data = from.read_into(at + 3, L - 3, into).expect("it can be read");
    assert_eq!(data % P, 3, "R4");
    assert_eq!(bytes(&two, data, L - 3), sent[3..]);
    let back = from.read(at, P).expect("it can be read");
    assert_eq!(bytes(&one, back, P), sent[..P as usize], "R3");
    assert_eq!(into.write(data, from, at + P, P), Ok(()), "W6");
    assert_eq!(bytes(&two, data, P), sent[P as usize..2 * P as usize]);
    assert_eq!(into.write(data, from, 0, P), Err(KernReturn::SEND_INVALID_MEMORY), "W2");
    assert_eq!(from.overwrite(at, L, into, 0x5000), ADDR, "O1");
}

#[test]
fn m_v_mapping_again_and_mapping() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    let at = fresh(&task, L);
    let old = fill(&guest, at, L, 1);
    let request =
        |copy| Remapping { at: 0, size: L, mask: 0, flags: ANY, source: at, copy, inherit: VM_INHERIT_COPY };
    let (shared, ..) = task.remap(&request(RemapCopy::Share)).expect("there is room");
    let (copy, current, maximum) = task.remap(&request(RemapCopy::Snapshot)).expect("there is room");
    assert_eq!((current, maximum), (3, 7), "M9");
    assert_eq!(guest.write(shared, b"both"), Ok(4));
    assert_eq!(bytes(&guest, at, 4), b"both", "M7");
    assert_eq!(bytes(&guest, copy, L), old, "M8");
    assert_eq!(task.region(at).expect("it is there").basic().shared, 1);
    let mapping = Mapping {
        at: 0,
        size: P,
        mask: 0xf_ffff,
        flags: ANY,
        protection: 3,
        maximum: 1,
        inherit: VM_INHERIT_COPY,
    };
    let mapped = task.map(&mapping).expect("there is room");
    assert_eq!(mapped & 0xf_ffff, 0, "V8");
    assert_eq!(task.region(mapped).expect("it is there").basic().protection, 1, "V4");
}

#[test]
fn w_b_wiring_and_behaviour() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    let at = fresh(&task, P);
    let count = || task.region(at).expect("it is there").basic().user_wired_count;
    assert_eq!((task.wire(at, P, 1), task.wire(at, P, 1), count()), (Ok(()), Ok(()), 2), "W8");
    assert_eq!((task.wire(at, P, 0), count()), (Ok(()), 1), "W2");
    assert_eq!(task.wire(at, 2 * P, 1), ADDR, "W4");
    assert_eq!(task.behavior_set(at, P, 2), Ok(()));
    assert_eq!(task.region(at).expect("it is there").basic().behavior, 2, "B5");
}
