//! Functions of PostgreSQL's and Tajo's that DataFusion has with their meaning

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    [
        Help {
            name: "to_hex",
            syntax: "to_hex(number)",
            line: "A whole number in hexadecimal digits.",
            example: "SELECT to_hex(255)",
            gives: "ff",
        },
        Help {
            name: "strpos",
            syntax: "strpos(text, part)",
            line: "Where a part first begins in a text, counted from 1, or 0.",
            example: "SELECT strpos('high', 'ig')",
            gives: "2",
        },
        Help {
            name: "find_in_set",
            syntax: "find_in_set(text, list)",
            line: "Where a text stands in a list that is separated by commas, counted from 1, or 0.",
            example: "SELECT find_in_set('cr', 'crt,c,cr,c,def')",
            gives: "3",
        },
        Help {
            name: "initcap",
            syntax: "initcap(text)",
            line: "The first letter of each word in upper case, the others in lower case.",
            example: "SELECT initcap('hi THOMAS')",
            gives: "Hi Thomas",
        },
        Help {
            name: "lpad",
            syntax: "lpad(text, length[, with])",
            line: "Fills a text on the left up to a length, or cuts it.",
            example: "SELECT lpad('hi', 5, 'xy')",
            gives: "xyxhi",
        },
        Help {
            name: "rpad",
            syntax: "rpad(text, length[, with])",
            line: "Fills a text on the right up to a length, or cuts it.",
            example: "SELECT rpad('hi', 5, 'xy')",
            gives: "hixyx",
        },
        Help {
            name: "concat",
            syntax: "concat(text, …)",
            line: "The texts that are not NULL after one another.",
            example: "SELECT concat('ab', NULL, 'c')",
            gives: "abc",
        },
        Help {
            name: "string_agg",
            syntax: "string_agg(text, separator)",
            line: "The texts of a group with a separator between them.",
            example: "SELECT string_agg(name, '/') FROM (VALUES ('a'), ('b')) AS t (name)",
            gives: "a/b",
        },
        Help {
            name: "date_part",
            syntax: "date_part(part, date or timestamp)",
            line: "The year, month, day, hour, dow, doy, week, … of a date.",
            example: "SELECT date_part('month', DATE '2014-01-17')",
            gives: "1",
        },
        Help {
            name: "levenshtein",
            syntax: "levenshtein(text, text)",
            line: "How many characters have to be changed, added or removed to make one text of another.",
            example: "SELECT levenshtein('kitten', 'sitting')",
            gives: "3",
        },
    ]
    .map(Entry::known)
    .into()
}
