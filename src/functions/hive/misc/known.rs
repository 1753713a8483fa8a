//! Functions that DataFusion or datafusion-spark has, and digests of what is not text

use datafusion::functions::crypto;
use datafusion_spark::function::hash;

use crate::functions::define::{Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Function::over(
            Help {
                name: "md5",
                syntax: "md5(text or bytes)",
                line: "The MD5 digest, in hexadecimal digits.",
                example: "SELECT md5('ABC')",
                gives: "902fbdd2b1df0c4f70b4a5d23525e932",
            },
            &[Kind::TextOrBytes],
            Gives::Text,
            crypto::md5(),
        )
        .entry(),
        Function::over(
            Help {
                name: "sha1",
                syntax: "sha1(text or bytes)",
                line: "The SHA-1 digest, in hexadecimal digits.",
                example: "SELECT sha1('ABC'), sha('ABC') = sha1('ABC')",
                gives: "3c01bdbb26f358bab27f267924aa2c9a03fcfdb8,true",
            },
            &[Kind::Bytes],
            Gives::Text,
            hash::sha1(),
        )
        .aliases(&["sha"])
        .entry(),
        Function::over(
            Help {
                name: "crc32",
                syntax: "crc32(text or bytes)",
                line: "The cyclic redundancy check, as a number.",
                example: "SELECT crc32('ABC')",
                gives: "2743272264",
            },
            &[Kind::Bytes],
            Gives::Long,
            hash::crc32(),
        )
        .entry(),
    ];
    entries.extend(
        [
            Help {
                name: "sha2",
                syntax: "sha2(text or bytes, bits)",
                line: "The SHA-2 digest of 224, 256 (or 0), 384 or 512 bits, in hexadecimal digits.",
                example: "SELECT sha2('ABC', 256)",
                gives: "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78",
            },
            Help {
                name: "nvl",
                syntax: "nvl(value, other)",
                line: "The value, or another if it is NULL.",
                example: "SELECT nvl(NULL, 'bla')",
                gives: "bla",
            },
            Help {
                name: "nvl2",
                syntax: "nvl2(value, if not, if NULL)",
                line: "One of two values, after whether the first is NULL.",
                example: "SELECT nvl2(NULL, 2, 1)",
                gives: "1",
            },
            Help {
                name: "nullif",
                syntax: "nullif(value, other)",
                line: "NULL if the values are the same, else the first.",
                example: "SELECT nullif(1, 1), nullif(1, 2)",
                gives: "NULL,1",
            },
            Help {
                name: "if",
                syntax: "if(condition, then, else)",
                line: "One of two values, after whether a condition holds.",
                example: "SELECT if(1 < 2, 'a', 'b')",
                gives: "a",
            },
            Help {
                name: "uuid",
                syntax: "uuid()",
                line: "A new identifier that nothing else has.",
                example: "SELECT length(uuid())",
                gives: "36",
            },
        ]
        .map(Entry::known),
    );
    entries
}
