//! The decimal digits of a number, rounded half to even, as Java's `DecimalFormat` does, or half up, as its `Formatter` does

/// A number without its sign, before and after the point.
#[derive(Debug, PartialEq, Eq)]
pub struct Digits {
    pub is_negative: bool,
    pub whole: String,
    pub decimals: String,
}

/// Of the exact value that a double has.
pub fn digits_of_double(value: f64, decimals: usize) -> Digits {
    let text = format!("{:.*}", decimals, value.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    Digits { is_negative: value.is_sign_negative(), whole: whole.to_owned(), decimals: decimals.to_owned() }
}

/// Of a number in plain digits, times a power of ten.
pub fn digits_of_text(text: &str, shift: usize, decimals: usize) -> Digits {
    rounded_digits(text, shift, decimals, |last| last % 2 == 1)
}

/// Of a number in plain digits, halves away from zero.
pub fn digits_half_up(text: &str, decimals: usize) -> Digits {
    rounded_digits(text, 0, decimals, |_| true)
}

/// `half_goes_up` is asked about the digit before an exact half.
fn rounded_digits(text: &str, shift: usize, decimals: usize, half_goes_up: fn(u8) -> bool) -> Digits {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let point = whole.len() + shift;
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).collect();
    let end = point + decimals;
    if digits.len() > end {
        let rest = digits.split_off(end);
        let half = match (rest[0], rest[1..].iter().any(|digit| *digit != b'0')) {
            (b'5', false) => digits.last().map_or(half_goes_up(b'0'), |last| half_goes_up(*last)),
            (first, _) => first >= b'5',
        };
        if half {
            add_one(&mut digits);
        }
    }
    let grown = digits.len().saturating_sub(end);
    digits.resize(end + grown, b'0');
    let digits: String = digits.into_iter().map(char::from).collect();
    let (whole, decimals) = digits.split_at(point + grown);
    Digits { is_negative, whole: whole.to_owned(), decimals: decimals.to_owned() }
}

/// To the last digit; one digit more if all were nines.
fn add_one(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return;
        }
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(text: &str, shift: usize, decimals: usize) -> String {
        let digits = digits_of_text(text, shift, decimals);
        format!("{}{}.{}", if digits.is_negative { "-" } else { "" }, digits.whole, digits.decimals)
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!(rounded("1.25", 0, 1), "1.2");
        assert_eq!(rounded("1.35", 0, 1), "1.4");
        assert_eq!(rounded("1.2501", 0, 1), "1.3");
        assert_eq!(rounded("-0.5", 0, 0), "-0.");
        assert_eq!(rounded("9.99", 0, 1), "10.0");
        assert_eq!(rounded("12", 0, 3), "12.000");
        assert_eq!(rounded("0.125", 2, 0), "012.");
        assert_eq!(rounded("5", 2, 1), "500.0");
        assert_eq!(
            rounded("170141183460469231731687303715884105727", 0, 0),
            "170141183460469231731687303715884105727."
        );
    }
}
