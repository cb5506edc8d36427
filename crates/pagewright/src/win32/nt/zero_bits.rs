//! `zero_bits`: how many of the upper bits of an address are to be zero.

use super::super::failure::Failure;
use super::super::status::NtStatus;

/// The width of the addresses that a small number counts down from.
const NARROW: usize = 32;
/// From here on there is no granule but that of NULL below the limit.
const HOPELESS: usize = 21;

/// The highest address that is left (ZB01 to ZB11): all for 0, a count in 32 bits for small
/// numbers, and a mask from 32 on, of which the leading zeros count.
///
/// # Errors
/// `wrong` for a count of more than 21, `INVALID_PARAMETER` for 21 (ZB04, ZB05).
pub(in crate::win32) fn highest(zero_bits: usize, wrong: NtStatus) -> Result<u64, Failure> {
    match zero_bits {
        0 => Ok(u64::MAX),
        1..HOPELESS => Ok((1 << (NARROW - zero_bits)) - 1), // ZB02, ZB03
        HOPELESS => Err(refused(NtStatus::INVALID_PARAMETER, zero_bits)),
        22..NARROW => Err(refused(wrong, zero_bits)),
        mask => Ok(u64::MAX >> mask.leading_zeros()), // ZB07
    }
}

fn refused(status: NtStatus, zero_bits: usize) -> Failure {
    let fix = "give 0, a count below 21, or a mask of the address bits";
    Failure::argument(status, "zero bits", zero_bits as u64, fix)
}

#[cfg(test)]
mod tests {
    use super::{NtStatus, highest};

    // Rows: ZB01 ZB02 ZB03 ZB04 ZB05 ZB07
    #[test]
    fn counts_and_masks_leave_the_addresses_of_the_facts() {
        let of = |bits| highest(bits, NtStatus::INVALID_PARAMETER_3).map_err(|failure| failure.status);
        assert_eq!(of(0), Ok(u64::MAX), "ZB01");
        assert_eq!(of(1), Ok(0x7fff_ffff), "ZB03");
        assert_eq!(of(20), Ok(0xfff), "ZB02");
        assert_eq!(of(21), Err(NtStatus::INVALID_PARAMETER), "ZB04");
        assert_eq!(
            (of(22), of(31)),
            (Err(NtStatus::INVALID_PARAMETER_3), Err(NtStatus::INVALID_PARAMETER_3))
        );
        assert_eq!(of(32), Ok(0x3f), "ZB07: the leading zeros of the mask");
        assert_eq!(of(0x1aaa_aaaa), Ok(0x1fff_ffff), "ZB07");
        assert_eq!(of(usize::MAX), Ok(u64::MAX), "ZB07");
    }
}
