//! What a pattern of Java's becomes

use super::*;

fn translated(pattern: &str) -> String {
    translate(pattern).unwrap().pattern
}

#[test]
fn what_is_the_same_in_both_stays() {
    assert_eq!(translated("^(a|b)*?[^x-z]{2,3}$"), r"^(a|b)*?[^x-z]{2,3}$");
    assert_eq!(translated("(?i)abc"), "(?i)abc");
}

#[test]
fn what_differs_is_rewritten() {
    assert_eq!(translated(r"\d+"), "[0-9]+");
    assert_eq!(translated(r"[\w-.]"), r"[[a-zA-Z0-9_]\-\.]");
    assert_eq!(translated(r"\Qa.b\E."), r"a\.b[^\n\r\x{85}\x{2028}\x{2029}]");
    assert_eq!(translated(r"(?s)."), "(?s:.)");
    assert_eq!(translated(r"(?:(?s).)(.)"), r"(?:(?s:.))([^\n\r\x{85}\x{2028}\x{2029}])");
    assert_eq!(translated(r"\p{Alpha}\P{IsGreek}"), r"[[:alpha:]]\P{Greek}");
    assert_eq!(translated(r"\ud83d\ude00"), "😀");
    assert_eq!(translated(r"\<a\>"), "<a>");
    assert_eq!(translated("[[:a]]"), r"[[\:a]]");
    assert_eq!(translated("[]a]"), r"[\]a]");
}

#[test]
fn what_cannot_be_had_is_named() {
    for (pattern, reason) in [
        ("(?=a)", "lookahead"),
        ("(?<!a)b", "lookbehind"),
        (r"(a)\1", "references back"),
        ("a*+", "possessive quantifiers"),
        ("(?>a)", "atomic groups"),
        ("[a", "a class that does not end"),
        (r"a\", "a backslash at the end"),
    ] {
        assert_eq!(translate(pattern).unwrap_err(), reason, "{pattern}");
    }
}
