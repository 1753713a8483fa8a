//! Failures of stores and files, in words: which file, what is wrong with it, what to do.
//!
//! The crates below report what they met, seldom in which file. Every read goes through [`read_error`] and every call to
//! a store through [`store_error`], which know the file's name as the user wrote it.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr as _;

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::stores::credentials_hint;
use crate::catalog::model::FileFormat;
use crate::error::{Error, casts};
use crate::sql::types::display_name;

/// A store that could not be reached, refused, or does not have the file `shown`. `scheme` is that of the store's URL.
pub(crate) fn store_error(error: &object_store::Error, shown: &str, scheme: &str) -> Error {
    use object_store::Error as Store;

    let answer = ServerAnswer::of(error);
    // Of requests that list, object_store tells what the server said in the text alone.
    let is_refused = matches!(error, Store::PermissionDenied { .. } | Store::Unauthenticated { .. })
        || matches!(answer.status.as_deref(), Some("401" | "403"));
    match error {
        _ if answer.is_without_bucket() => no_bucket(shown, scheme),
        Store::NotFound { .. } => Error::storage(format!("there is no file {shown}")),
        _ if is_refused => {
            let why = if answer.text.is_empty() { "access is denied".to_string() } else { answer.text };
            Error::storage(format!("{shown} cannot be read: {why}")).help(credentials_hint(scheme))
        }
        Store::Precondition { .. } | Store::NotModified { .. } => {
            Error::storage(format!("{shown} changed while it was read")).help("run the statement again")
        }
        Store::AlreadyExists { .. } => Error::storage(format!("{shown} exists already")),
        _ if scheme == "file" => match io_error(error) {
            Some(io) => local_error(io, shown),
            None if innermost(error).starts_with("Out of range of file") => {
                Error::storage(format!("{shown} became shorter while it was read")).help("run the statement again")
            }
            None => Error::storage(format!("{shown}: {}", innermost(error))),
        },
        _ => {
            let why = if answer.text.is_empty() { innermost(error) } else { answer.text };
            let failure = Error::storage(format!("{shown} cannot be reached: {why}"));
            match scheme {
                "s3" | "gs" | "az" | "abfss" => failure.help(credentials_hint(scheme)),
                _ => failure,
            }
        }
    }
}

fn no_bucket(shown: &str, scheme: &str) -> Error {
    let is = |what: &str| Error::storage(format!("{shown} is in a {what} that does not exist"));
    match scheme {
        "az" | "abfss" => {
            is("container").help("check the container's name, and that the account is the one that has it: AZURE_STORAGE_ACCOUNT_NAME, or the one in the URL")
        }
        "gs" => is("bucket").help("check the bucket's name"),
        _ => is("bucket").help("check the bucket's name, and that AWS_ENDPOINT_URL and AWS_REGION are those of the bucket"),
    }
}

/// A store that did not take the file `shown`.
pub(crate) fn write_error(error: &object_store::Error, shown: &str, scheme: &str) -> Error {
    if let Some(ours) = find::<Error>(error) {
        return ours.clone();
    }
    let answer = ServerAnswer::of(error);
    let is_refused =
        matches!(error, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. });
    if is_refused || matches!(answer.status.as_deref(), Some("401" | "403")) {
        let why = if answer.text.is_empty() { "access is denied".to_string() } else { answer.text };
        return Error::storage(format!("{shown} cannot be written: {why}")).help(credentials_hint(scheme));
    }
    if answer.is_without_bucket() {
        return no_bucket(shown, scheme);
    }
    let why = if answer.text.is_empty() { innermost(error) } else { answer.text };
    let failure = Error::storage(format!("{shown} cannot be written: {why}"));
    match scheme {
        "s3" | "gs" | "az" | "abfss" => failure.help(credentials_hint(scheme)),
        _ => failure,
    }
}

/// A local file or folder that cannot be opened or listed.
pub(crate) fn local_error(error: &std::io::Error, shown: &str) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::storage(format!("there is no file {shown}")),
        std::io::ErrorKind::PermissionDenied => Error::storage(format!("{shown} may not be read: permission denied")),
        _ => Error::storage(format!("{shown} cannot be read: {error}")),
    }
}

/// Names the file in a failure to read it. Failures that have nothing to do with the file, such as a division by zero in
/// an expression that is evaluated during the scan, or memory that ran out, come back as they are.
pub(crate) fn read_error(error: DataFusionError, format: FileFormat, shown: &str, scheme: &str) -> DataFusionError {
    if find::<Error>(&error).is_some() {
        return error;
    }
    if let Some(store) = find::<object_store::Error>(&error) {
        let failure = store_error(store, shown, scheme);
        return match store {
            // It was listed when the statement began.
            object_store::Error::NotFound { .. } => {
                failure.help("it was deleted or replaced while the statement ran: run the statement again")
            }
            _ => failure,
        }
        .into();
    }
    let message = match error.find_root() {
        DataFusionError::ParquetError(parquet) => damaged(format, shown, &parquet.to_string()),
        DataFusionError::IoError(io) => io_or_damaged(io, format, shown),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::CastError(why) => casts::error(why).context(shown).help(
                "the file stores another type than the table declares, or the query converts text that does not fit",
            ),
            ArrowError::IoError(_, io) => io_or_damaged(io, format, shown),
            ArrowError::ParquetError(why)
            | ArrowError::CsvError(why)
            | ArrowError::JsonError(why)
            | ArrowError::IpcError(why)
            | ArrowError::AvroError(why)
            | ArrowError::SchemaError(why)
            | ArrowError::ParseError(why) => damaged(format, shown, why),
            ArrowError::ExternalError(external) => damaged(format, shown, &innermost(external.as_ref())),
            _ => return error,
        },
        DataFusionError::Execution(why) if why.starts_with("Cannot cast column") => {
            Error::statement(format!("{shown}: {}", cannot_cast(why)))
                .help("declare the column with the type that the file stores")
        }
        DataFusionError::Execution(why) if why.starts_with("Non-nullable column") => {
            Error::statement(format!("{shown} lacks a column that has to be there: {why}"))
        }
        DataFusionError::External(external) => damaged(format, shown, &innermost(external.as_ref())),
        _ => return error,
    };
    message.into()
}

fn io_or_damaged(io: &std::io::Error, format: FileFormat, shown: &str) -> Error {
    match io.kind() {
        // What decompressors and parsers report.
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            match format {
                FileFormat::Csv
                | FileFormat::Json
                | FileFormat::TextFile
                | FileFormat::JsonFile
                | FileFormat::Regex
                | FileFormat::OpenCsv => Error::storage(format!("{shown} cannot be decompressed: {io}"))
                    .help("its extension tells how it is compressed, unless the option \"compression\" does"),
                _ => damaged(format, shown, &io.to_string()),
            }
        }
        _ => local_error(io, shown),
    }
}

/// A file whose bytes are not what its format says.
pub(crate) fn damaged(format: FileFormat, shown: &str, why: &str) -> Error {
    let why = why.trim();
    // What the crates put before their words says no more than the message does.
    let why = why.strip_prefix("Parquet error: ").unwrap_or(why);
    let why = match why.split_once("Failed to fetch metadata for file ") {
        Some((_, rest)) => rest.split_once(": ").map_or(rest, |(_, why)| why),
        None => why,
    };
    let why = why.strip_prefix("Parquet error: ").unwrap_or(why);
    let name = format_name(format);
    if why.starts_with("Object Store error:") && why.contains("not found") {
        return Error::storage(format!("there is no file {shown} any more"));
    }
    match format {
        FileFormat::Parquet if why.contains("Corrupt footer") || why.contains("Invalid Parquet file") => {
            Error::storage(format!("{shown} is not a Parquet file, or its end is missing")).help(
                "a Parquet file ends with the letters PAR1; an upload that broke off or text under a wrong name does not",
            )
        }
        _ => Error::storage(format!("{shown} cannot be read as {name}: {why}")),
    }
}

/// An empty file of a format whose files are never empty.
pub(crate) fn empty_file(format: FileFormat, shown: &str) -> Error {
    Error::storage(format!("{shown} is empty, which is no {} file", format_name(format)))
        .help("delete it, or read the others by a glob")
}

/// The format's name in messages.
pub(crate) fn format_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Parquet => "Parquet",
        FileFormat::Csv => "CSV",
        FileFormat::Json => "JSON",
        FileFormat::Avro => "Avro",
        FileFormat::Arrow => "Arrow",
        FileFormat::Orc => "ORC",
        FileFormat::TextFile => "TEXTFILE",
        FileFormat::JsonFile => "JSONFILE",
        FileFormat::Regex => "REGEX",
        FileFormat::OpenCsv => "OPENCSV",
    }
}

/// The failure as one of ours: unpacked if it is one.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match find::<Error>(&error) {
        Some(ours) => ours.clone(),
        None => Error::from(error),
    }
}

/// "Cannot cast column 'x' from 'Utf8' (physical data type) to 'Int32' (logical data type): …" in the words of a table.
fn cannot_cast(why: &str) -> String {
    let parts: Vec<&str> = why.split('\'').collect();
    match parts.as_slice() {
        [_, column, _, stored, _, declared, ..] => {
            let in_sql = |text: &str| DataType::from_str(text).map_or(text.to_string(), |found| display_name(&found));
            format!("column \"{column}\" is stored as {}, which cannot be read as {}", in_sql(stored), in_sql(declared))
        }
        _ => why.to_string(),
    }
}

/// The first error of a type in a chain of causes, looking into DataFusion's and Arrow's boxes.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let boxed: Option<&(dyn StdError + 'static)> = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::ObjectStore(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::ArrowError(inner, _)) => Some(inner.as_ref()),
            Some(DataFusionError::ParquetError(inner)) => Some(inner.as_ref()),
            _ => None,
        };
        let boxed = boxed.or_else(|| match error.downcast_ref::<ArrowError>() {
            Some(ArrowError::ExternalError(inner)) => Some(inner.as_ref()),
            _ => None,
        });
        let boxed = boxed.or_else(|| match error.downcast_ref::<parquet::errors::ParquetError>() {
            Some(parquet::errors::ParquetError::External(inner)) => Some(inner.as_ref()),
            _ => None,
        });
        let boxed = boxed.or_else(|| {
            let io = error.downcast_ref::<std::io::Error>()?.get_ref()?;
            let inner: &(dyn StdError + 'static) = io;
            Some(inner)
        });
        current = boxed.or_else(|| error.source());
    }
    None
}

fn io_error(error: &object_store::Error) -> Option<&std::io::Error> {
    find::<std::io::Error>(error)
}

/// The last cause in a chain: what really happened.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// What a server said in its own words: S3, GCS and Azure answer `<Error><Code>…</Code><Message>…</Message></Error>`.
///
/// Only these two are taken, and of GCS `<Details>`, which names the permission that is missing: the rest of such an answer repeats the
/// request, signature and key name included. Azure puts the number of the request into further lines of the message.
struct ServerAnswer {
    /// The number of the http status.
    status: Option<String>,
    /// The name of the failure, such as `NoSuchBucket`.
    code: Option<String>,
    text: String,
}

impl ServerAnswer {
    fn of(error: &object_store::Error) -> Self {
        let mut whole = String::new();
        let mut current: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = current {
            whole.push_str(&error.to_string());
            current = error.source();
        }
        let code = between(&whole, "<Code>", "</Code>").map(str::to_string);
        let message = between(&whole, "<Message>", "</Message>").map(first_sentence);
        let details = between(&whole, "<Details>", "</Details>").map(first_sentence).filter(|text| !text.is_empty());
        let line = between(&whole, "non-2xx status code: ", ":").map(str::to_string);
        let status = line.as_deref().and_then(|line| line.split(' ').next()).map(str::to_string);
        let text = match (&code, message) {
            (Some(code), Some(message)) => match details {
                Some(details) => format!("{message}: {details} ({code})"),
                None => format!("{message} ({code})"),
            },
            (Some(code), None) => code.clone(),
            (None, _) => line.unwrap_or_default(),
        };
        // Of a client without a key, it is the machine's own account that was asked for.
        let text = match (whole.contains("performing token request"), text.is_empty()) {
            (true, false) => format!("no access token is to be had ({text})"),
            _ => text,
        };
        ServerAnswer { status, code, text }
    }

    /// Whether the bucket, or what Azure calls a container, is not there.
    fn is_without_bucket(&self) -> bool {
        matches!(self.code.as_deref(), Some("NoSuchBucket" | "ContainerNotFound"))
    }
}

/// The first line of a server's words, without the full stop.
fn first_sentence(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim().trim_end_matches('.')
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    let (inner, _) = rest.split_once(end)?;
    Some(inner.trim())
}

/// Lets a list of names stand in a message: at most three, then "and 7 more".
pub(crate) struct Names<'a>(pub &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(3);
        f.write_str(&self.0[..shown].join(", "))?;
        match self.0.len() - shown {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn denied() -> object_store::Error {
        object_store::Error::PermissionDenied {
            path: "x".into(),
            source: "Server returned non-2xx status code: 403 Forbidden: <Error><Code>InvalidAccessKeyId</Code>\
                     <Message>No such key.</Message><AWSAccessKeyId>hush</AWSAccessKeyId></Error>"
                .into(),
        }
    }

    #[test]
    fn a_refusal_names_file_reason_and_variables_but_not_the_request() {
        let error = store_error(&denied(), "s3://b/x", "s3");
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(error.message(), "s3://b/x cannot be read: No such key (InvalidAccessKeyId)");
        assert!(error.help_lines()[0].contains("AWS_ACCESS_KEY_ID"));
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn store_errors_are_found_inside_other_crates_errors() {
        let inside_arrow = ArrowError::ExternalError(Box::new(denied()));
        let inside_parquet = parquet::errors::ParquetError::External(Box::new(denied()));
        for error in [
            DataFusionError::ArrowError(Box::new(inside_arrow), None),
            DataFusionError::ParquetError(Box::new(inside_parquet)),
            DataFusionError::ObjectStore(Box::new(denied())).context("somewhere"),
        ] {
            let named = read_error(error, FileFormat::Parquet, "s3://b/x", "s3");
            let named = find::<Error>(&named).unwrap();
            assert!(named.message().contains("No such key"), "{named}");
        }
    }

    #[test]
    fn errors_that_are_not_about_the_file_stay_as_they_are() {
        let zero = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        let after = read_error(zero, FileFormat::Csv, "a.csv", "file");
        assert!(!after.to_string().contains("a.csv"));
    }

    #[test]
    fn our_own_errors_keep_their_help() {
        let ours = Error::statement("own").help("do this");
        let through = read_error(ours.into(), FileFormat::Csv, "a.csv", "file");
        assert_eq!(from_datafusion(through).help_lines(), ["do this"]);
    }

    #[test]
    fn an_unreadable_type_names_column_and_both_types() {
        let why = "Cannot cast column 'x' from 'Utf8' (physical data type) to 'Int64' (logical data type): no";
        let error = read_error(DataFusionError::Execution(why.into()), FileFormat::Parquet, "a.parquet", "file");
        let error = from_datafusion(error);
        assert_eq!(error.message(), "a.parquet: column \"x\" is stored as VARCHAR, which cannot be read as BIGINT");
    }
}
