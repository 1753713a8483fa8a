//! Numbers from the bytes of a text, by the rules of Hive's lazy SerDe.
//!
//! Each type has rules of its own: an integer may have a fraction, which is cut off, but no blanks; a floating-point
//! number may have blanks and Java's letters behind it. Decimals are in a file of their own.

/// Whether a text can be a number at all. Hive asks this before it parses, and a few texts fail here that would pass
/// there.
fn may_be_number(text: &[u8]) -> bool {
    match text {
        [] => false,
        [byte] => byte.is_ascii_digit(),
        [first, second] => first.is_ascii_digit() || second.is_ascii_digit(),
        [b'N' | b'n', _, _, _] => false,
        _ => true,
    }
}

/// A whole number; `None` if it is none, or too large for its type. `1.9` is 1.
pub(crate) fn integer<T: TryFrom<i64>>(text: &[u8]) -> Option<T> {
    if !may_be_number(text) {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let value = match few_digits(digits) {
        Some(value) if negative => -value,
        Some(value) => value,
        None => any_digits(digits, negative)?,
    };
    T::try_from(value).ok()
}

/// What most whole numbers are: digits, so few that they cannot be too many. `None` for all others.
fn few_digits(digits: &[u8]) -> Option<i64> {
    if digits.len() > 18 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// Any whole number.
fn any_digits(digits: &[u8], negative: bool) -> Option<i64> {
    // Counted downwards, because the least number has no positive counterpart.
    let mut value = 0_i64;
    let mut rest = digits;
    while let [byte, after @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let [b'.', fraction @ ..] = rest else { return None };
            if !fraction.iter().all(u8::is_ascii_digit) {
                return None;
            }
            break;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
        rest = after;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A floating-point number as Java reads it.
pub(crate) trait Float: std::str::FromStr + std::ops::Neg<Output = Self> + Copy {
    const NAN: Self;
    const INFINITY: Self;

    fn from_f64(value: f64) -> Self;
}

impl Float for f32 {
    const NAN: Self = f32::NAN;
    const INFINITY: Self = f32::INFINITY;

    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Float for f64 {
    const NAN: Self = f64::NAN;
    const INFINITY: Self = f64::INFINITY;

    fn from_f64(value: f64) -> Self {
        value
    }
}

/// A floating-point number; `None` if it is none. One that is too large is infinite.
pub(crate) fn float<T: Float>(text: &[u8]) -> Option<T> {
    if !may_be_number(text) {
        return None;
    }
    java_float(text)
}

/// What `Double.parseDouble` reads.
pub(crate) fn java_float<T: Float>(text: &[u8]) -> Option<T> {
    let text = trim_java(text);
    let (negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        [b'+', unsigned @ ..] => (false, unsigned),
        unsigned => (false, unsigned),
    };
    let signed = |value: T| if negative { -value } else { value };
    match unsigned {
        b"NaN" => return Some(T::NAN),
        b"Infinity" => return Some(signed(T::INFINITY)),
        [b'0', b'x' | b'X', digits @ ..] => return hexadecimal(digits).map(|value| signed(T::from_f64(value))),
        _ => {}
    }
    // The letters for a type: 1.5f, 1.5d.
    let digits = match unsigned {
        [digits @ .., b'f' | b'F' | b'd' | b'D'] => digits,
        digits => digits,
    };
    // Rust also reads `inf` and `nan`, in any case.
    let is_number = digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.');
    if !is_number {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(signed)
}

/// The digits behind `0x`: `1.8p1`. The exponent has to be there.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let exponent_at = memchr::memchr2(b'p', b'P', text)?;
    let exponent = match &text[exponent_at + 1..] {
        [digits @ .., b'f' | b'F' | b'd' | b'D'] | digits => digits,
    };
    let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
    let (mut value, mut scale, mut in_fraction, mut any) = (0_f64, 0_i32, false, false);
    for byte in &text[..exponent_at] {
        if *byte == b'.' && !in_fraction {
            in_fraction = true;
            continue;
        }
        value = value * 16.0 + f64::from(char::from(*byte).to_digit(16)?);
        scale -= if in_fraction { 4 } else { 0 };
        any = true;
    }
    any.then(|| value * 2_f64.powi(exponent.saturating_add(scale)))
}

/// Java's `trim`: without blanks and control characters around.
pub(crate) fn trim_java(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte > b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte > b' ').map_or(start, |last| last + 1);
    &text[start..end]
}

/// Whether a text is one of the two words, in any case; with `letters` also as `t`, `f`, `1` or `0`.
pub(crate) fn boolean(text: &[u8], letters: bool) -> Option<bool> {
    match text {
        [b't' | b'T' | b'1'] if letters => Some(true),
        [b'f' | b'F' | b'0'] if letters => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_lose_their_fraction_and_have_no_blanks() {
        for (text, value) in [
            ("1", Some(1)),
            ("+1", Some(1)),
            ("-1", Some(-1)),
            ("1.5", Some(1)),
            ("1.", Some(1)),
            (".5", Some(0)),
            ("-.5", Some(0)),
            ("007", Some(7)),
            ("127", Some(127)),
            ("-128", Some(-128)),
            ("128", None),
            ("-129", None),
            (" 1", None),
            ("1 ", None),
            ("1.x", None),
            ("1.5.5", None),
            ("1e3", None),
            ("0x1f", None),
            ("12L", None),
            ("", None),
            ("+", None),
            ("--1", None),
            ("NULL", None),
            (".", None),
            ("+.", None),
        ] {
            assert_eq!(integer::<i8>(text.as_bytes()), value, "{text}");
        }
        assert_eq!(integer::<i64>(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer::<i64>(b"9223372036854775808"), None);
        assert_eq!(integer::<i64>(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer::<i32>(b"2147483648"), None);
    }

    #[test]
    fn floats_are_javas() {
        for (text, value) in [
            ("1", Some(1.0)),
            (" 1.5 ", Some(1.5)),
            ("1.5f", Some(1.5)),
            ("5d", Some(5.0)),
            ("1e400", Some(f64::INFINITY)),
            ("1e-400", Some(0.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1.e2", Some(100.0)),
            ("1e+3", Some(1000.0)),
            ("0x1p3", Some(8.0)),
            ("-0x1.8p1", Some(-3.0)),
            ("\u{1}1\u{1}", Some(1.0)),
            ("1e", None),
            ("", None),
            ("-", None),
            (".", None),
            ("nan", None),
            ("inf", None),
            ("NaNd", None),
            ("1_0", None),
            ("0x10", None),
            ("d5", None),
            ("--1", None),
            ("1 2", None),
        ] {
            assert_eq!(float::<f64>(text.as_bytes()), value, "{text}");
        }
        assert!(float::<f64>(b"NaN").unwrap().is_nan() && float::<f64>(b"-NaN").unwrap().is_nan());
        assert_eq!(float::<f32>(b"3.4028236e38"), Some(f32::INFINITY));
    }

    #[test]
    fn booleans_are_words() {
        assert_eq!(boolean(b"TRUE", false), Some(true));
        assert_eq!(boolean(b"False", false), Some(false));
        assert_eq!((boolean(b"t", false), boolean(b"t", true), boolean(b"0", true)), (None, Some(true), Some(false)));
        assert_eq!(boolean(b" true", false), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(text in "[-+0-9.eExpfNINaL ]{0,50}") {
            let text = text.as_bytes();
            let _ = (integer::<i64>(text), float::<f32>(text), float::<f64>(text));
        }

        #[test]
        fn few_digits_are_read_as_all_are(text in "[0-9]{1,20}|[0-9.x]{1,4}") {
            let text = text.as_bytes();
            if let Some(value) = few_digits(text) {
                prop_assert_eq!(any_digits(text, false), Some(value));
                prop_assert_eq!(any_digits(text, true), Some(-value));
            }
            prop_assert_eq!(few_digits(text).is_some(), text.len() <= 18 && text.iter().all(u8::is_ascii_digit));
        }

        #[test]
        fn written_numbers_are_read(number: i64, real: f64, fraction in 0_u32..1_000_000) {
            prop_assert_eq!(integer::<i64>(number.to_string().as_bytes()), Some(number));
            prop_assert_eq!(integer::<i64>(format!("{number}.{fraction}").as_bytes()), Some(number));
            let text = format!("{real:e}");
            if real.is_finite() {
                prop_assert_eq!(float::<f64>(text.as_bytes()), Some(real));
            }
        }
    }
}
