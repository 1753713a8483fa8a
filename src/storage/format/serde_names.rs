//! Hive's names of formats: the words behind STORED AS, the classes of SerDes, and those of input and output formats.
//!
//! A table says by any of them how its files are written, and scripts that SHOW CREATE TABLE made say it by all of them
//! at once. [`HiveStorage::of`] finds the one format that is meant.

use crate::catalog::model::FileFormat;
use crate::error::{Error, Result};
use crate::names::nearest;

/// What CREATE TABLE says of a table's files in Hive's words.
#[derive(Debug, Clone, Copy, Default)]
pub struct HiveNames<'a> {
    /// The word of STORED AS.
    pub stored_as: Option<&'a str>,
    /// The class of ROW FORMAT SERDE.
    pub serde: Option<&'a str>,
    /// The classes of STORED AS INPUTFORMAT … OUTPUTFORMAT ….
    pub input_format: Option<&'a str>,
    pub output_format: Option<&'a str>,
}

/// The format of a table's files, and the options that its SerDe implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiveStorage {
    pub format: FileFormat,
    pub options: &'static [(&'static str, &'static str)],
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Format(FileFormat),
    /// Lines, which a SerDe says more of.
    Lines,
    /// Text whose fields are separated by several characters.
    MultiDelimited,
    /// What is not read.
    Sequence,
    RowColumnar,
}

const SERDES: &[(&str, Meaning)] = &[
    ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", Meaning::Format(FileFormat::TextFile)),
    ("org.apache.hadoop.hive.serde2.MultiDelimitSerDe", Meaning::MultiDelimited),
    ("org.apache.hadoop.hive.contrib.serde2.MultiDelimitSerDe", Meaning::MultiDelimited),
    ("org.apache.hive.hcatalog.data.JsonSerDe", Meaning::Format(FileFormat::JsonFile)),
    ("org.apache.hadoop.hive.serde2.JsonSerDe", Meaning::Format(FileFormat::JsonFile)),
    ("org.openx.data.jsonserde.JsonSerDe", Meaning::Format(FileFormat::JsonFile)),
    ("org.apache.hadoop.hive.serde2.RegexSerDe", Meaning::Format(FileFormat::Regex)),
    ("org.apache.hadoop.hive.contrib.serde2.RegexSerDe", Meaning::Format(FileFormat::Regex)),
    ("org.apache.hadoop.hive.serde2.OpenCSVSerde", Meaning::Format(FileFormat::OpenCsv)),
    ("com.bizo.hive.serde.csv.CSVSerde", Meaning::Format(FileFormat::OpenCsv)),
    ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", Meaning::Format(FileFormat::Parquet)),
    ("parquet.hive.serde.ParquetHiveSerDe", Meaning::Format(FileFormat::Parquet)),
    ("org.apache.hadoop.hive.ql.io.orc.OrcSerde", Meaning::Format(FileFormat::Orc)),
    ("org.apache.hadoop.hive.serde2.avro.AvroSerDe", Meaning::Format(FileFormat::Avro)),
    ("org.apache.hadoop.hive.serde2.columnar.ColumnarSerDe", Meaning::RowColumnar),
    ("org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe", Meaning::RowColumnar),
    ("org.apache.hadoop.hive.serde2.lazybinary.LazyBinarySerDe", Meaning::Sequence),
];

const INPUTS: &[(&str, Meaning)] = &[
    ("org.apache.hadoop.mapred.TextInputFormat", Meaning::Lines),
    ("org.apache.hadoop.mapreduce.lib.input.TextInputFormat", Meaning::Lines),
    ("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat", Meaning::Format(FileFormat::Parquet)),
    ("parquet.hive.DeprecatedParquetInputFormat", Meaning::Format(FileFormat::Parquet)),
    ("parquet.hive.MapredParquetInputFormat", Meaning::Format(FileFormat::Parquet)),
    ("org.apache.hadoop.hive.ql.io.orc.OrcInputFormat", Meaning::Format(FileFormat::Orc)),
    ("org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat", Meaning::Format(FileFormat::Avro)),
    ("org.apache.hadoop.mapred.SequenceFileInputFormat", Meaning::Sequence),
    ("org.apache.hadoop.mapreduce.lib.input.SequenceFileInputFormat", Meaning::Sequence),
    ("org.apache.hadoop.hive.ql.io.RCFileInputFormat", Meaning::RowColumnar),
];

const OUTPUTS: &[(&str, Meaning)] = &[
    ("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat", Meaning::Lines),
    ("org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat", Meaning::Lines),
    ("org.apache.hadoop.mapred.TextOutputFormat", Meaning::Lines),
    ("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat", Meaning::Format(FileFormat::Parquet)),
    ("parquet.hive.DeprecatedParquetOutputFormat", Meaning::Format(FileFormat::Parquet)),
    ("parquet.hive.MapredParquetOutputFormat", Meaning::Format(FileFormat::Parquet)),
    ("org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat", Meaning::Format(FileFormat::Orc)),
    ("org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat", Meaning::Format(FileFormat::Avro)),
    ("org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat", Meaning::Sequence),
    ("org.apache.hadoop.mapred.SequenceFileOutputFormat", Meaning::Sequence),
    ("org.apache.hadoop.hive.ql.io.RCFileOutputFormat", Meaning::RowColumnar),
];

const WORDS: &[(&str, Meaning)] = &[
    ("TEXTFILE", Meaning::Lines),
    ("PARQUET", Meaning::Format(FileFormat::Parquet)),
    ("PARQUETFILE", Meaning::Format(FileFormat::Parquet)),
    ("ORC", Meaning::Format(FileFormat::Orc)),
    ("ORCFILE", Meaning::Format(FileFormat::Orc)),
    ("AVRO", Meaning::Format(FileFormat::Avro)),
    ("AVROFILE", Meaning::Format(FileFormat::Avro)),
    ("JSONFILE", Meaning::Format(FileFormat::JsonFile)),
    ("SEQUENCEFILE", Meaning::Sequence),
    ("RCFILE", Meaning::RowColumnar),
];

impl HiveStorage {
    /// The format that the names together mean; `None` if there is no name, so that the default counts.
    pub fn of(names: HiveNames<'_>) -> Result<Option<Self>> {
        let mut files: Option<(Meaning, &str)> = None;
        for (name, known, what) in [
            (names.stored_as, WORDS, "file format"),
            (names.input_format, INPUTS, "input format"),
            (names.output_format, OUTPUTS, "output format"),
        ] {
            let Some(name) = name else { continue };
            let meaning = find(name, known, what)?;
            match files {
                Some((other, first)) if other != meaning => return Err(apart(first, name)),
                _ => files = Some((meaning, name)),
            }
        }
        let serde = match names.serde {
            None => None,
            Some(name) => Some((find(name, SERDES, "SerDe")?, name)),
        };
        let meaning = match (serde, files) {
            (None, None) => return Ok(None),
            (Some((serde, _)), None | Some((Meaning::Lines, _))) if is_of_lines(serde) => serde,
            // A SerDe of another format than lines says which files it needs.
            (Some((serde, _)), None) => serde,
            (Some((serde, name)), Some((files, first))) => match (serde, files) {
                _ if serde == files => serde,
                (_, Meaning::Format(FileFormat::JsonFile)) if is_of_lines(serde) => return Err(apart(first, name)),
                // What LazyBinarySerDe and others do within files that are not read does not matter.
                (_, Meaning::Sequence | Meaning::RowColumnar) => files,
                _ => return Err(apart(first, name)),
            },
            (None, Some((files, _))) => files,
        };
        meaning.storage().map(Some)
    }
}

/// The classes by which Hive reads and writes a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiveClasses {
    pub serde: &'static str,
    pub input_format: &'static str,
    pub output_format: &'static str,
}

impl HiveClasses {
    /// `None` for a format that Hive does not have.
    pub fn of(format: FileFormat) -> Option<Self> {
        let first = |known: &'static [(&'static str, Meaning)], wanted: Meaning| {
            known.iter().find(|(_, meaning)| *meaning == wanted).map(|(name, _)| *name)
        };
        let meaning = Meaning::Format(format);
        let files = if is_of_lines(meaning) { Meaning::Lines } else { meaning };
        let serde = first(SERDES, meaning)?;
        Some(HiveClasses { serde, input_format: first(INPUTS, files)?, output_format: first(OUTPUTS, files)? })
    }
}

impl Meaning {
    fn storage(self) -> Result<HiveStorage> {
        let format = |format| Ok(HiveStorage { format, options: &[] });
        match self {
            Meaning::Format(known) => format(known),
            Meaning::Lines => format(FileFormat::TextFile),
            Meaning::MultiDelimited => {
                Ok(HiveStorage { format: FileFormat::TextFile, options: &[("multi.delim", "true")] })
            }
            Meaning::Sequence => Err(not_read("SEQUENCEFILE")),
            Meaning::RowColumnar => Err(not_read("RCFILE")),
        }
    }
}

/// Whether a SerDe reads files of lines.
fn is_of_lines(serde: Meaning) -> bool {
    matches!(
        serde,
        Meaning::MultiDelimited
            | Meaning::Format(FileFormat::TextFile | FileFormat::JsonFile | FileFormat::Regex | FileFormat::OpenCsv)
    )
}

fn not_read(format: &str) -> Error {
    Error::statement(format!("{format} files cannot be read"))
        .help("convert the table with Hive: CREATE TABLE new_table STORED AS PARQUET AS SELECT * FROM old_table")
}

fn apart(one: &str, other: &str) -> Error {
    Error::statement(format!("{one} and {other} do not go together"))
        .help("name the format by STORED AS PARQUET, ORC, AVRO, JSONFILE or TEXTFILE alone, or leave out the SerDe")
}

fn find(name: &str, known: &'static [(&'static str, Meaning)], what: &str) -> Result<Meaning> {
    let name = name.trim();
    if let Some((_, meaning)) = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(*meaning);
    }
    let error = Error::statement(format!("unknown {what} \"{name}\""));
    // Packages are long and alike, so the class counts first.
    let class = |name: &'static str| name.rsplit_once('.').map_or(name, |(_, class)| class);
    let wanted = name.rsplit_once('.').map_or(name, |(_, class)| class);
    let by_class = nearest(wanted, known.iter().map(|(name, _)| class(name)));
    let by_class = by_class.and_then(|meant| known.iter().find(|(name, _)| class(name) == meant));
    let meant = by_class.map(|(name, _)| *name).or_else(|| nearest(name, known.iter().map(|(name, _)| *name)));
    Err(match meant {
        Some(meant) => error.help(format!("did you mean {meant}?")),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| class(name)).collect();
            error.help(format!("there are {}", names.join(", ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stored_as: &str, serde: &str, input: &str) -> Result<Option<FileFormat>> {
        let given = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let leak = |text: &str| given(Box::leak(text.to_string().into_boxed_str()));
        let names = HiveNames {
            stored_as: leak(stored_as),
            serde: leak(serde),
            input_format: leak(input),
            output_format: None,
        };
        Ok(HiveStorage::of(names)?.map(|storage| storage.format))
    }

    #[test]
    fn every_word_and_every_class_is_known() {
        for (word, format) in [
            ("TEXTFILE", FileFormat::TextFile),
            ("orc", FileFormat::Orc),
            ("parquet", FileFormat::Parquet),
            ("Avro", FileFormat::Avro),
            ("JSONFILE", FileFormat::JsonFile),
        ] {
            assert_eq!(of(word, "", "").unwrap(), Some(format));
        }
        for (class, format) in [
            ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", FileFormat::TextFile),
            ("org.apache.hive.hcatalog.data.JsonSerDe", FileFormat::JsonFile),
            ("org.openx.data.jsonserde.JsonSerDe", FileFormat::JsonFile),
            ("org.apache.hadoop.hive.serde2.RegexSerDe", FileFormat::Regex),
            ("org.apache.hadoop.hive.serde2.OpenCSVSerde", FileFormat::OpenCsv),
            ("org.apache.hadoop.hive.ql.io.orc.OrcSerde", FileFormat::Orc),
        ] {
            assert_eq!(of("", class, "").unwrap(), Some(format), "{class}");
        }
        assert_eq!(of("", "", "").unwrap(), None);
        let orc = "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat";
        assert_eq!(of("", "", orc).unwrap(), Some(FileFormat::Orc));
    }

    #[test]
    fn the_classes_of_a_format_mean_that_format() {
        for format in FileFormat::ALL {
            let Some(classes) = HiveClasses::of(format) else {
                assert!(matches!(format, FileFormat::Csv | FileFormat::Json | FileFormat::Arrow), "{format}");
                continue;
            };
            let names = HiveNames {
                stored_as: None,
                serde: Some(classes.serde),
                input_format: Some(classes.input_format),
                output_format: Some(classes.output_format),
            };
            assert_eq!(HiveStorage::of(names).unwrap().map(|storage| storage.format), Some(format));
        }
    }

    #[test]
    fn a_serde_of_lines_counts_over_text_files() {
        let json = "org.apache.hive.hcatalog.data.JsonSerDe";
        let text = "org.apache.hadoop.mapred.TextInputFormat";
        assert_eq!(of("TEXTFILE", json, "").unwrap(), Some(FileFormat::JsonFile));
        assert_eq!(of("", json, text).unwrap(), Some(FileFormat::JsonFile));
        assert_eq!(of("JSONFILE", json, "").unwrap(), Some(FileFormat::JsonFile));
        assert_eq!(of("", "", text).unwrap(), Some(FileFormat::TextFile));
        let names =
            HiveNames { serde: Some("org.apache.hadoop.hive.serde2.MultiDelimitSerDe"), ..HiveNames::default() };
        assert_eq!(HiveStorage::of(names).unwrap().unwrap().options, [("multi.delim", "true")]);
    }

    #[test]
    fn names_that_do_not_go_together_are_refused() {
        let orc = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";
        let lazy = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
        assert!(of("PARQUET", orc, "").unwrap_err().message().contains("do not go together"));
        assert!(of("TEXTFILE", orc, "").is_err());
        assert!(of("JSONFILE", lazy, "").is_err());
        assert!(of("ORC", "", "org.apache.hadoop.mapred.TextInputFormat").is_err());
    }

    #[test]
    fn what_cannot_be_read_has_a_way_out() {
        for error in [
            of("SEQUENCEFILE", "", "").unwrap_err(),
            of("RCFILE", "", "").unwrap_err(),
            of("", "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe", "").unwrap_err(),
            of("SEQUENCEFILE", "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "").unwrap_err(),
        ] {
            assert!(error.help_lines()[0].contains("STORED AS PARQUET AS SELECT"), "{error}");
        }
    }

    #[test]
    fn the_nearest_name_is_told() {
        let error = of("", "org.apache.hadoop.hive.serde2.LazySimpleSerde2", "").unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe?"]);
        assert_eq!(of("PARKET", "", "").unwrap_err().help_lines(), ["did you mean PARQUET?"]);
        assert!(of("", "com.example.XmlThing", "").unwrap_err().help_lines()[0].contains("OpenCSVSerde"));
    }
}
