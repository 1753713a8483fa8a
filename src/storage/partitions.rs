//! Values in folder names: `country=KR/dt=2026-01-01/` makes the columns `country` and `dt`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use object_store::ObjectMeta;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::listed::ListedPartition;
use super::location::Location;
use crate::error::{Error, Result};
use crate::sql::types::display_name;

/// The folder value that stands for NULL, here as in Hive, Spark and Trino.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What Hive and Spark encode in the names of folders. All else stays as it is: what they do not encode they do not decode either.
const IN_FOLDER_NAMES: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'[')
    .add(b']')
    .add(b'^');

/// The partition columns of a table and the values that occur.
#[derive(Debug, Clone, Default)]
pub struct Partitions {
    /// Always nullable: a folder for NULL may come at any time.
    columns: Vec<FieldRef>,
    /// One row for each folder with data files; the values are of the columns' types.
    rows: Vec<Vec<ScalarValue>>,
}

impl Partitions {
    pub fn columns(&self) -> &[FieldRef] {
        &self.columns
    }

    pub fn rows(&self) -> &[Vec<ScalarValue>] {
        &self.rows
    }

    /// The values as columns, one row for each of [`rows`](Self::rows).
    pub(crate) fn arrays(&self) -> datafusion::error::Result<Vec<ArrayRef>> {
        (0..self.columns.len())
            .map(|column| ScalarValue::iter_to_array(self.rows.iter().map(|row| row[column].clone())))
            .collect()
    }

    /// Reads the folder names between the location's root and each file. Returns the partitions, and for each file the
    /// number of its row.
    ///
    /// With `declared` columns the folders must have exactly these, in this order (an empty list: folder names mean
    /// nothing); else the columns are those of the folders, typed by their values: all whole numbers without leading
    /// zeros make a BIGINT, all ISO dates a DATE, everything else a string.
    pub fn of(location: &Location, files: &[ObjectMeta], declared: Option<&[Field]>) -> Result<(Self, Vec<u32>)> {
        if declared.is_some_and(<[Field]>::is_empty) {
            return Ok((Partitions { columns: Vec::new(), rows: vec![Vec::new()] }, vec![0; files.len()]));
        }
        let mut reader = FolderReader { location, keys: None, values: Vec::new(), folders: HashMap::new() };
        let mut row_of_file = Vec::with_capacity(files.len());
        for file in files {
            row_of_file.push(reader.row_of(file, declared)?);
        }
        let FolderReader { keys, values, .. } = reader;
        let columns: Vec<FieldRef> = match (declared, keys) {
            (Some(declared), _) => nullable(declared),
            (None, None) => Vec::new(),
            (None, Some((keys, _))) => {
                let columns = keys.into_iter().enumerate().map(|(index, key)| {
                    let data_type = infer_type(values.iter().filter_map(|(row, _)| row[index].as_deref()));
                    Arc::new(Field::new(key, data_type, true))
                });
                columns.collect()
            }
        };
        let rows = values.into_iter().map(|(row, file)| typed_row(&columns, row, || location.show(&file.location)));
        let rows = rows.collect::<Result<_>>()?;
        Ok((Partitions { columns, rows }, row_of_file))
    }

    /// One partition for each of the folders, which are paths below the location's root and are those of the columns.
    pub(super) fn of_folders(location: &Location, folders: &[String], declared: &[Field]) -> Result<Self> {
        let columns = nullable(declared);
        let row = |folder: &String| {
            let values = folder.split('/').filter_map(key_and_value).map(|(_, value)| value_in_folder(value)).collect();
            typed_row(&columns, values, || location.show(&location.root().clone().join(folder.as_str())))
        };
        let rows = folders.iter().map(row).collect::<Result<_>>()?;
        Ok(Partitions { columns, rows })
    }

    /// The partitions that a catalog lists, with the values that it has for them.
    pub(super) fn listed(declared: &[Field], partitions: &[ListedPartition]) -> Result<Self> {
        let columns = nullable(declared);
        let rows = partitions.iter().map(|partition| {
            if partition.values.len() != columns.len() {
                return Err(Error::storage(format!(
                    "the catalog has {} values for the partition in {}, and the table {} partition columns",
                    partition.values.len(),
                    partition.location,
                    columns.len()
                )));
            }
            typed_row(&columns, partition.values.clone(), || partition.location.to_string())
        });
        let rows = rows.collect::<Result<_>>()?;
        Ok(Partitions { columns, rows })
    }
}

/// Collects the distinct rows of folder values.
struct FolderReader<'a> {
    location: &'a Location,
    /// The keys that all folders must have, and the file that they were first seen at.
    keys: Option<(Vec<String>, &'a ObjectMeta)>,
    /// The values of a folder, and a file in it.
    values: Vec<(Vec<Option<String>>, &'a ObjectMeta)>,
    /// The row of a folder, by its path below the root.
    folders: HashMap<&'a str, u32>,
}

impl<'a> FolderReader<'a> {
    fn row_of(&mut self, file: &'a ObjectMeta, declared: Option<&[Field]>) -> Result<u32> {
        let below = self.location.below(&file.location).unwrap_or_default();
        let folder = below.rfind('/').map_or("", |end| &below[..end]);
        if let Some(row) = self.folders.get(folder) {
            return Ok(*row);
        }
        let mut keys = Vec::new();
        let mut values = Vec::new();
        for (key, value) in folder.split('/').filter_map(key_and_value) {
            keys.push(decode(key).into_owned());
            values.push(value_in_folder(value));
        }
        self.check_keys(keys, file, declared)?;
        let row = u32::try_from(self.values.len()).map_err(|_| Error::storage("more folders than can be counted"))?;
        self.values.push((values, file));
        self.folders.insert(folder, row);
        Ok(row)
    }

    fn check_keys(&mut self, keys: Vec<String>, file: &'a ObjectMeta, declared: Option<&[Field]>) -> Result<()> {
        let shown = || self.location.show(&file.location);
        if let Some(twice) = keys.iter().enumerate().find(|(index, key)| keys[..*index].contains(key)) {
            return Err(Error::storage(format!(
                "{} has the partition column \"{}\" twice in its path",
                shown(),
                twice.1
            )));
        }
        if let Some(declared) = declared {
            let same = keys.len() == declared.len()
                && keys.iter().zip(declared).all(|(key, field)| key.eq_ignore_ascii_case(field.name()));
            if !same {
                let names: Vec<&str> = declared.iter().map(|field| field.name().as_str()).collect();
                return Err(Error::storage(format!(
                    "{} does not lie in folders for {}",
                    shown(),
                    folder_names(&names)
                ))
                .help("the folders of a partitioned table are named after its partition columns, in their order"));
            }
        } else if let Some((expected, first)) = &self.keys
            && *expected != keys
        {
            return Err(Error::storage(format!(
                "{} and {} have different partition columns in their paths: {} and {}",
                self.location.show(&first.location),
                shown(),
                folder_names(expected),
                folder_names(&keys)
            ))
            .help("read one of them with a narrower folder or a glob"));
        }
        if self.keys.is_none() {
            self.keys = Some((keys, file));
        }
        Ok(())
    }
}

fn nullable(declared: &[Field]) -> Vec<FieldRef> {
    declared.iter().map(|field| Arc::new(field.clone().with_nullable(true))).collect()
}

/// The text that a folder's value stands for; `None` is NULL.
fn value_in_folder(value: &str) -> Option<String> {
    (value != NULL_PARTITION).then(|| decode(value).into_owned())
}

/// Splits `key=value`; `None` for folders that are no partition.
pub(crate) fn key_and_value(folder: &str) -> Option<(&str, &str)> {
    folder.split_once('=').filter(|(key, _)| !key.is_empty())
}

/// The values in the names of folders, in the types of the columns; `None` if the folders are not those of the columns.
pub(crate) fn values_in_folders(folders: &str, columns: &[Field]) -> Option<Vec<ScalarValue>> {
    let mut folders = folders.split('/').filter_map(key_and_value);
    let value = |column: &Field| {
        let (_, value) = folders.next().filter(|(key, _)| decode(key).eq_ignore_ascii_case(column.name()))?;
        match value {
            NULL_PARTITION => ScalarValue::try_from(column.data_type()).ok(),
            text => typed_value(&decode(text), column.data_type()).ok(),
        }
    };
    columns.iter().map(value).collect()
}

/// The name of the folder for a value that has this text.
pub(crate) fn folder_name(key: &str, value: &str) -> String {
    format!("{}={}", encode(key), encode(value))
}

/// As `utf8_percent_encode`, but for letters beyond ASCII, which stay.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii()) {
        let ascii = part.find(|c: char| !c.is_ascii()).unwrap_or(part.len());
        let (before, beyond) = part.split_at(ascii);
        encoded.extend(utf8_percent_encode(before, IN_FOLDER_NAMES));
        encoded.push_str(beyond);
    }
    encoded
}

/// The path that Hive would give a file, of one in whose folders the store encoded what it encodes in any name.
pub(crate) fn in_hive_folders(below: &str) -> String {
    let Some((folders, file)) = below.rsplit_once('/') else { return below.to_string() };
    let mut path = String::with_capacity(below.len());
    for folder in folders.split('/') {
        let text = decode(folder);
        match key_and_value(&text) {
            Some((key, value)) => path.push_str(&folder_name(key, value)),
            None => path.push_str(folder),
        }
        path.push('/');
    }
    path.push_str(file);
    path
}

fn folder_names(keys: &[impl AsRef<str>]) -> String {
    if keys.is_empty() {
        return "none".to_string();
    }
    keys.iter().map(|key| format!("{}=…", key.as_ref())).collect::<Vec<_>>().join("/")
}

/// Undoes percent encoding; a text that was not encoded that way stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

fn infer_type<'v>(values: impl Iterator<Item = &'v str> + Clone) -> DataType {
    let mut any = values.clone();
    if any.next().is_none() {
        return DataType::Utf8View;
    }
    if values.clone().all(is_plain_integer) {
        DataType::Int64
    } else if values.clone().all(is_iso_date) {
        DataType::Date32
    } else {
        DataType::Utf8View
    }
}

/// An integer that prints as it is written: `07` and `+7` are texts.
fn is_plain_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

fn is_iso_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn typed_row(columns: &[FieldRef], row: Vec<Option<String>>, shown: impl Fn() -> String) -> Result<Vec<ScalarValue>> {
    let typed = columns.iter().zip(row).map(|(column, value)| {
        let data_type = column.data_type();
        match value {
            None => ScalarValue::try_from(data_type).map_err(|_| unreadable(column, NULL_PARTITION, &shown())),
            Some(text) => typed_value(&text, data_type).map_err(|_| unreadable(column, &text, &shown())),
        }
    });
    typed.collect()
}

pub(crate) fn typed_value(text: &str, data_type: &DataType) -> datafusion::error::Result<ScalarValue> {
    match data_type {
        DataType::Utf8View => Ok(ScalarValue::Utf8View(Some(text.to_string()))),
        DataType::Int64 => {
            let number = text.parse().map_err(|_| ArrowError::CastError(text.to_string()))?;
            Ok(ScalarValue::Int64(Some(number)))
        }
        _ => ScalarValue::try_from_string(text.to_string(), data_type),
    }
}

fn unreadable(column: &Field, value: &str, shown: &str) -> Error {
    let (name, data_type) = (column.name(), display_name(column.data_type()));
    Error::storage(format!("{shown} lies in a folder for {name}={value}, which is no {data_type}"))
        .help(format!("declare the partition column \"{name}\" as VARCHAR"))
}

#[cfg(test)]
mod tests {
    use std::path::Path as FsPath;

    use object_store::path::Path;

    use super::*;

    fn files(paths: &[&str]) -> Vec<ObjectMeta> {
        let file = |path: &&str| ObjectMeta {
            location: Path::parse(format!("t/{path}")).unwrap(),
            last_modified: Default::default(),
            size: 1,
            e_tag: None,
            version: None,
        };
        paths.iter().map(file).collect()
    }

    fn read(paths: &[&str], declared: Option<&[Field]>) -> Result<(Partitions, Vec<u32>)> {
        let location = Location::parse("/t/", FsPath::new("/")).unwrap();
        Partitions::of(&location, &files(paths), declared)
    }

    fn types(paths: &[&str]) -> Vec<DataType> {
        read(paths, None).unwrap().0.columns().iter().map(|field| field.data_type().clone()).collect()
    }

    #[test]
    fn types_come_from_all_values() {
        assert_eq!(types(&["a=1/x", "a=-20/x", "a=__HIVE_DEFAULT_PARTITION__/x"]), [DataType::Int64]);
        assert_eq!(types(&["a=1/x", "a=02/x"]), [DataType::Utf8View]);
        assert_eq!(types(&["a=99999999999999999999/x"]), [DataType::Utf8View]);
        assert_eq!(types(&["d=2026-01-31/x", "d=2026-02-28/x"]), [DataType::Date32]);
        assert_eq!(types(&["d=2026-01-31/x", "d=2026-02-30/x"]), [DataType::Utf8View]);
        assert_eq!(types(&["d=__HIVE_DEFAULT_PARTITION__/x"]), [DataType::Utf8View]);
        assert_eq!(types(&["x", "sub/y"]), Vec::<DataType>::new());
    }

    #[test]
    fn values_are_decoded_and_the_default_partition_is_null() {
        let (partitions, rows) =
            read(&["c=EU%3AWest/d=1/x", "c=__HIVE_DEFAULT_PARTITION__/d=1/x", "c=EU%3AWest/d=1/y", "c=a=b/d=/x"], None)
                .unwrap();
        assert_eq!(rows, [0, 1, 0, 2]);
        let strings: Vec<_> = partitions.rows().iter().map(|row| row[0].clone()).collect();
        assert_eq!(
            strings,
            [
                ScalarValue::Utf8View(Some("EU:West".into())),
                ScalarValue::Utf8View(None),
                ScalarValue::Utf8View(Some("a=b".into())),
            ]
        );
        assert_eq!(partitions.rows()[2][1], ScalarValue::Utf8View(Some(String::new())));
        assert!(partitions.columns().iter().all(|field| field.is_nullable()));
    }

    #[test]
    fn folders_are_named_as_hive_names_them() {
        assert_eq!(folder_name("p", "a/b:c%d=e f"), "p=a%2Fb%3Ac%25d%3De f");
        assert_eq!(folder_name("größe", "é한{~}"), "größe=é한%7B~}");
        // As the store has them: it encodes letters beyond ASCII and tildes, and leaves colons.
        assert_eq!(in_hive_folders("p=%C3%A9/q=a%2Fb:c%25%7E/x%20y.csv"), "p=é/q=a%2Fb%3Ac%25~/x%20y.csv");
        assert_eq!(in_hive_folders("x.csv"), "x.csv");
        let (partitions, _) = read(&["p=é한%7B~}/x"], None).unwrap();
        assert_eq!(partitions.rows()[0][0], ScalarValue::Utf8View(Some("é한{~}".into())));
    }

    #[test]
    fn folders_with_different_keys_are_refused_with_two_files() {
        for other in ["b=1/y", "y", "a=1/b=2/y"] {
            let error = read(&["a=1/x", other], None).unwrap_err();
            assert!(
                error.message().contains("/t/a=1/x") && error.message().contains(&format!("/t/{other}")),
                "{error}"
            );
        }
        assert!(read(&["a=1/b=1/x", "b=1/a=1/y"], None).is_err());
        assert!(read(&["a=1/a=2/x"], None).unwrap_err().message().contains("twice"));
    }

    #[test]
    fn declared_columns_decide_names_and_types() {
        let declared = [Field::new("Year", DataType::Int32, false)];
        let (partitions, _) = read(&["year=2026/x"], Some(&declared)).unwrap();
        assert_eq!(partitions.columns()[0].name(), "Year");
        assert_eq!(partitions.rows()[0][0], ScalarValue::Int32(Some(2026)));
        let error = read(&["year=2026/x", "year=new/y"], Some(&declared)).unwrap_err();
        assert!(error.message().contains("Year=new") && error.message().contains("/t/year=new/y"), "{error}");
        assert!(read(&["month=1/x"], Some(&declared)).unwrap_err().message().contains("Year=…"));
        assert!(read(&["x"], Some(&declared)).is_err());
    }

    #[test]
    fn an_empty_declaration_makes_folder_names_mean_nothing() {
        let (partitions, rows) = read(&["a=1/x", "b=2/y"], Some(&[])).unwrap();
        assert!(partitions.columns().is_empty());
        assert_eq!(rows, [0, 0]);
    }
}
