//! Decimals from the bytes of a text, as Hive reads them: with an exponent if there is one, and rounded to the scale.

/// The most digits that 128 bits hold whatever they are.
const DIGITS: i64 = 38;

/// A decimal with `scale` digits after the point, as the whole number of its last digit. It is rounded, halves away
/// from zero; `None` if it is no number or has more than `precision` digits then.
pub(crate) fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    match short_decimal(text, precision, scale) {
        Some(value) => Some(value),
        None => long_decimal(text, precision, scale),
    }
}

/// The powers of ten that 64 bits hold.
const POWERS: [u64; 19] = powers();

const fn powers() -> [u64; 19] {
    let mut powers = [1; 19];
    let mut index = 1;
    while index < 19 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
}

/// What most decimals are: few digits, and no more behind the point than there may be. `None` for all others.
fn short_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        unsigned => (false, unsigned),
    };
    if unsigned.len() > 18 {
        return None;
    }
    let (mut value, mut digits, mut before) = (0_u64, 0_usize, None);
    for byte in unsigned {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
            digits += 1;
        } else if *byte == b'.' && before.is_none() {
            before = Some(digits);
        } else {
            return None;
        }
    }
    let behind = digits - before.unwrap_or(digits);
    let shift = usize::try_from(scale).ok()?.checked_sub(behind)?;
    if digits == 0 || digits + shift > 18 {
        return None;
    }
    let value = value * POWERS.get(shift)?;
    if POWERS.get(usize::from(precision)).is_some_and(|bound| value >= *bound) {
        return None;
    }
    let value = i128::from(value);
    Some(if negative { -value } else { value })
}

/// Any decimal.
fn long_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        [b'+', unsigned @ ..] => (false, unsigned),
        unsigned => (false, unsigned),
    };
    let mut value = 0_u128;
    // How many digits `value` has from its first that is not zero, and how many of those are behind the point.
    let (mut digits, mut behind) = (0_i64, 0_i64);
    // Digits that no longer fit: how many of them are before the point, and the first of them all.
    let (mut dropped_before, mut next_digit) = (0_i64, None);
    let (mut in_fraction, mut any) = (false, false);
    let mut rest = unsigned;
    while let [byte, after @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            any = true;
            if digits < DIGITS {
                value = value * 10 + u128::from(digit);
                digits += i64::from(value > 0);
                behind += i64::from(in_fraction);
            } else {
                dropped_before += i64::from(!in_fraction);
                next_digit.get_or_insert(digit);
            }
        } else if *byte == b'.' && !in_fraction {
            in_fraction = true;
        } else {
            break;
        }
        rest = after;
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', exponent @ ..] => {
            let digits = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            // An exponent that is out of all bounds moves the number out of them, whatever it is.
            let size = std::str::from_utf8(digits).ok()?.parse::<i64>().unwrap_or(1_000_000_000).min(1_000_000_000);
            if exponent.first() == Some(&b'-') { -size } else { size }
        }
        _ => return None,
    };
    if !any {
        return None;
    }
    if value == 0 {
        return Some(0);
    }
    // The digits to add at the end, or to take away there.
    let shift = i64::from(scale) - behind + exponent + dropped_before;
    let scaled = if shift >= 0 {
        // More digits than fit in any type. What was dropped would be among them.
        if shift > DIGITS || (shift > 0 && next_digit.is_some()) {
            return None;
        }
        let rounded = value + u128::from(shift == 0 && next_digit.is_some_and(|digit| digit >= 5));
        rounded.checked_mul(10_u128.checked_pow(u32::try_from(shift).ok()?)?)?
    } else if -shift > DIGITS {
        0
    } else {
        let divisor = 10_u128.checked_pow(u32::try_from(-shift).ok()?)?;
        let half = divisor / 2;
        value / divisor + u128::from(value % divisor >= half)
    };
    let bound = 10_u128.checked_pow(u32::from(precision))?;
    if scaled >= bound {
        return None;
    }
    let scaled = i128::try_from(scaled).ok()?;
    Some(if negative { -scaled } else { scaled })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_rounded_and_too_large_ones_are_none() {
        for (text, value) in [
            ("1", Some(100)),
            ("1.005", Some(101)),
            ("-1.005", Some(-101)),
            ("1.004999", Some(100)),
            ("99999.99", Some(9_999_999)),
            ("99999.995", None),
            ("999999.99", None),
            ("1e3", Some(100_000)),
            ("1E-2", Some(1)),
            ("1.5e2", Some(15_000)),
            (".5", Some(50)),
            ("5.", Some(500)),
            ("+.5", Some(50)),
            ("0.0000000000000000000000000000000000000000000001", Some(0)),
            ("00000000000000000000000000000000000000000000000001.5", Some(150)),
            ("12345.12345678901234567890123456789012345678901234567", Some(1_234_512)),
            ("-0", Some(0)),
            ("0e999999999999999999999", Some(0)),
            ("1e99", None),
            ("1e999999999999999999999", None),
            ("1e-999999999999999999999", Some(0)),
            (" 1.5", None),
            ("1.5 ", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1e", None),
            ("1e2.5", None),
            ("1.5f", None),
            ("0x1", None),
        ] {
            assert_eq!(decimal(text.as_bytes(), 7, 2), value, "{text}");
        }
        let most = "99999999999999999999999999999999999999";
        assert_eq!(decimal(most.as_bytes(), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal(format!("{most}.5").as_bytes(), 38, 0), None);
        assert_eq!(decimal(format!("{most}.4").as_bytes(), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal(b"12345678901234567890123456789012345678901234567890", 38, 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn short_ones_are_read_as_all_are(
            text in "-?[0-9]{0,12}[.]?[0-9]{0,9}|[-+0-9.eE ]{0,50}",
            precision in 1_u8..=38,
            scale in 0_i8..=38,
        ) {
            let text = text.as_bytes();
            prop_assert_eq!(decimal(text, precision, scale), long_decimal(text, precision, scale));
            if let Some(value) = decimal(text, precision, scale) {
                prop_assert!(value.unsigned_abs() < 10_u128.pow(precision.into()));
            }
        }

        #[test]
        fn what_is_written_is_read(number: i64, fraction in 0_u32..1_000_000) {
            let text = format!("{number}.{fraction:06}");
            let whole = i128::from(number) * 1_000_000;
            let expected = if number < 0 { whole - i128::from(fraction) } else { whole + i128::from(fraction) };
            prop_assert_eq!(decimal(text.as_bytes(), 38, 6), Some(expected));
        }
    }
}
