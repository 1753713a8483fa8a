//! Functions on texts that DataFusion or datafusion-spark has with Hive's meaning

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let character = datafusion_spark::function::string::char().as_ref().clone().with_aliases(["chr"]);
    let mut entries = vec![Entry::scalar(
        character,
        Help {
            name: "chr",
            syntax: "chr(number)",
            line: "The character of a code (of its remainder by 256), or '' if the code is negative.",
            example: "SELECT chr(65), chr(321), chr(-1)",
            gives: "A,A,",
        },
    )];
    entries.extend(
        [
            Help {
                name: "ascii",
                syntax: "ascii(text)",
                line: "The code of the first character.",
                example: "SELECT ascii('222'), ascii(2)",
                gives: "50,50",
            },
            Help {
                name: "base64",
                syntax: "base64(text or bytes)",
                line: "Bytes in base64.",
                example: "SELECT base64('Spark SQL')",
                gives: "U3BhcmsgU1FM",
            },
            Help {
                name: "unbase64",
                syntax: "unbase64(text)",
                line: "The bytes that a text is in base64.",
                example: "SELECT decode(unbase64('U3BhcmsgU1FM'), 'UTF-8')",
                gives: "Spark SQL",
            },
            Help {
                name: "elt",
                syntax: "elt(number, text, …)",
                line: "The text of that number, counted from 1, or NULL.",
                example: "SELECT elt(2, 'scala', 'java'), elt(3, 'a', 'b')",
                gives: "java,NULL",
            },
            Help {
                name: "quote",
                syntax: "quote(text)",
                line: "A text in single quotes, with a backslash before each quote in it.",
                example: r"SELECT quote('Don\'t')",
                gives: r"'Don\'t'",
            },
        ]
        .map(Entry::known),
    );
    entries
}
