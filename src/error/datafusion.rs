//! DataFusion's errors in our words.
//!
//! DataFusion wraps the cause in layers (context, diagnostics with places, errors of arrow, parquet and the object
//! store). What a user needs is the innermost cause, its place in their file, and a way out.

use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use super::memory::exhausted;
use super::words::in_sql;
use super::{Error, ErrorKind, casts};
use crate::names::nearest;
use crate::sql::source::{Source, Span};

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        convert(&error, None)
    }
}

/// Converts an error of planning or running a statement whose text is `source`.
pub(crate) fn in_statement(error: &DataFusionError, source: &Arc<Source>) -> Error {
    convert(error, Some(source))
}

/// Whether something is negated that cannot be: an unsigned number, for one.
pub(crate) fn is_negation(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => is_negation(inner),
        // The items of a SELECT list are planned one after the other, whatever is wrong with them.
        DataFusionError::Collection(errors) => errors.iter().any(is_negation),
        // The error has no variant of its own.
        DataFusionError::Plan(message) => message.contains("Unary operator '-' only supports"),
        _ => false,
    }
}

/// Whether a SELECT list may give two columns of one name.
pub(crate) fn is_column_twice(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => is_column_twice(inner),
        // The error has no variant of its own.
        DataFusionError::Plan(message) => message.contains("require unique expression names"),
        DataFusionError::SchemaError(error, _) => matches!(
            error.as_ref(),
            // A column of a table, and another one that was given its name.
            SchemaError::AmbiguousReference { .. }
                | SchemaError::DuplicateQualifiedField { .. }
                | SchemaError::DuplicateUnqualifiedField { .. }
        ),
        _ => false,
    }
}

fn convert(error: &DataFusionError, source: Option<&Arc<Source>>) -> Error {
    match error {
        DataFusionError::Context(_, inner) => convert(inner, source),
        DataFusionError::Shared(inner) => convert(inner, source),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => convert(first, source),
            None => Error::statement("the statement failed"),
        },
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let error = convert(inner, source);
            match (source, diagnostic.span) {
                (Some(source), Some(span)) => error.at(source, place(span)),
                _ => error,
            }
        }
        DataFusionError::SchemaError(error, _) => schema_error(error, source),
        DataFusionError::External(error) => foreign(error.as_ref(), source),
        DataFusionError::ArrowError(error, _) => arrow(error, source),
        DataFusionError::ParquetError(error) => parquet(error),
        DataFusionError::ObjectStore(error) => object_store(error),
        DataFusionError::IoError(error) => io(error),
        DataFusionError::ResourcesExhausted(message) => exhausted(message),
        DataFusionError::NotImplemented(message) => not_implemented(message),
        DataFusionError::Internal(message) => Error::statement(format!("internal error: {}", first_line(message)))
            .help("this is a bug in Ostrich or DataFusion; please report the statement"),
        DataFusionError::Plan(message) => planning(message),
        DataFusionError::Execution(message) => Error::statement(in_sql(&first_line(message))),
        DataFusionError::Configuration(message) => Error::statement(first_line(message)),
        DataFusionError::SQL(error, _) => Error::statement(error.to_string()),
        DataFusionError::ExecutionJoin(error) => Error::statement(format!("a task of the query stopped: {error}")),
        other => Error::statement(first_line(&other.strip_backtrace())),
    }
}

/// DataFusion and sqlparser each have a type for the same lines and columns.
fn place(span: datafusion::common::Span) -> Span {
    use crate::sql::source::Location;
    Span::new(Location::new(span.start.line, span.start.column), Location::new(span.end.line, span.end.column))
}

/// An error that came through somebody else's trait: often one of ours, or one of the layers again.
fn foreign(error: &(dyn std::error::Error + 'static), source: Option<&Arc<Source>>) -> Error {
    known(error, source).unwrap_or_else(|| Error::statement(first_line(&error.to_string())))
}

fn known(error: &(dyn std::error::Error + 'static), source: Option<&Arc<Source>>) -> Option<Error> {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return Some(ours.clone());
    }
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        return Some(convert(error, source));
    }
    if let Some(error) = error.downcast_ref::<Arc<DataFusionError>>() {
        return Some(convert(error, source));
    }
    if let Some(error) = error.downcast_ref::<ArrowError>() {
        return Some(arrow(error, source));
    }
    if let Some(error) = error.downcast_ref::<ParquetError>() {
        return Some(parquet(error));
    }
    if let Some(error) = error.downcast_ref::<::object_store::Error>() {
        return Some(object_store(error));
    }
    error.downcast_ref::<std::io::Error>().map(io)
}

fn arrow(error: &ArrowError, source: Option<&Arc<Source>>) -> Error {
    match error {
        ArrowError::ExternalError(inner) => foreign(inner.as_ref(), source),
        ArrowError::IoError(_, inner) => io(inner),
        ArrowError::DivideByZero => {
            Error::statement("division by zero").help("nullif(divisor, 0) makes the result NULL")
        }
        ArrowError::CastError(message) => casts::error(&first_line(message)),
        ArrowError::ParseError(message) | ArrowError::InvalidArgumentError(message) if casts::is_of_cast(message) => {
            casts::error(&first_line(message))
        }
        ArrowError::ArithmeticOverflow(message) | ArrowError::ComputeError(message) => {
            Error::statement(first_line(message))
        }
        ArrowError::CsvError(message) | ArrowError::JsonError(message) | ArrowError::ParseError(message) => {
            Error::statement(first_line(message))
        }
        other => Error::statement(first_line(&other.to_string())),
    }
}

fn parquet(error: &ParquetError) -> Error {
    if let ParquetError::External(inner) = error {
        return foreign(inner.as_ref(), None);
    }
    let text = error.to_string();
    Error::storage(first_line(text.strip_prefix("Parquet error: ").unwrap_or(&text)))
}

fn object_store(error: &::object_store::Error) -> Error {
    match error {
        ::object_store::Error::NotFound { path, .. } => Error::storage(format!("{path} does not exist")),
        ::object_store::Error::PermissionDenied { path, .. } | ::object_store::Error::Unauthenticated { path, .. } => {
            Error::storage(format!("no permission to read or write {path}"))
        }
        ::object_store::Error::Generic { source, .. } => {
            let first: &(dyn std::error::Error + 'static) = source.as_ref();
            let mut causes = std::iter::successors(Some(first), |cause| cause.source());
            // Of other causes the whole says more: it names the file.
            let telling = causes.find_map(|cause| match cause.downcast_ref::<std::io::Error>() {
                Some(full) if full.kind() == std::io::ErrorKind::StorageFull => Some(io(full)),
                _ => cause.downcast_ref::<Error>().cloned(),
            });
            telling.unwrap_or_else(|| Error::storage(first_line(&error.to_string())))
        }
        other => Error::storage(first_line(&other.to_string())),
    }
}

fn io(error: &std::io::Error) -> Error {
    if let Some(inner) = error.get_ref().and_then(|inner| known(inner, None)) {
        return inner;
    }
    match error.kind() {
        std::io::ErrorKind::StorageFull => Error::new(ErrorKind::Resources, "the disk is full").help(
            "spilled data goes to the folder of datafusion.runtime.temp_directory; OSTRICH_TMPDIR or TMPDIR moves it",
        ),
        _ => Error::storage(error.to_string()),
    }
}

fn schema_error(error: &SchemaError, source: Option<&Arc<Source>>) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let error = column_not_found(field, valid_fields);
            match (source, field.spans.first()) {
                (Some(source), Some(span)) => error.at(source, place(span)),
                _ => error,
            }
        }
        SchemaError::AmbiguousReference { field } => {
            let error = Error::statement(format!("column \"{}\" could be from more than one table", field.name))
                .help(format!("write it with its table: t.{}", field.name));
            match (source, field.spans.first()) {
                (Some(source), Some(span)) => error.at(source, place(span)),
                _ => error,
            }
        }
        SchemaError::DuplicateQualifiedField { qualifier, name } => {
            Error::statement(format!("column \"{name}\" of {qualifier} occurs twice"))
                .help("give one of them another name with AS")
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Error::statement(format!("column \"{name}\" occurs twice")).help("give one of them another name with AS")
        }
    }
}

fn column_not_found(field: &Column, valid: &[Column]) -> Error {
    let relations = {
        let mut names: Vec<String> = Vec::new();
        for column in valid {
            if let Some(relation) = &column.relation {
                let name = relation.table().to_string();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    };
    if let Some(relation) = &field.relation
        && !relations.is_empty()
        && !relations.iter().any(|name| name == relation.table())
    {
        let error = Error::statement(format!("no table or alias \"{}\" in FROM", relation.table()));
        return match nearest(relation.table(), relations.iter().map(String::as_str)) {
            Some(name) => error.help(format!("did you mean \"{name}.{}\"?", field.name)),
            None => error.help(format!("FROM has: {}", relations.join(", "))),
        };
    }
    let candidates: Vec<&Column> =
        valid.iter().filter(|column| field.relation.is_none() || column.relation == field.relation).collect();
    let place = match (&field.relation, relations.as_slice()) {
        (Some(relation), _) => format!(" in {}", relation.table()),
        (None, [one]) => format!(" in {one}"),
        (None, []) => String::new(),
        (None, several) => format!(" in {}", several.join(", ")),
    };
    let error = Error::statement(format!("no column \"{}\"{place}", field.name));
    match nearest(&field.name, candidates.iter().map(|column| column.name.as_str())) {
        Some(name) => error.help(format!("did you mean \"{name}\"?")),
        None if candidates.is_empty() => error,
        None => {
            const SHOWN: usize = 12;
            let mut names: Vec<&str> = candidates.iter().map(|column| column.name.as_str()).take(SHOWN).collect();
            if candidates.len() > SHOWN {
                names.push("…");
            }
            error.help(format!("the columns are: {}", names.join(", ")))
        }
    }
}

fn not_by_equality() -> Error {
    Error::statement("a subquery that refers to its outer query can do so by equality in its WHERE only")
        .help("write it as a join with a GROUP BY")
}

/// What DataFusion cannot run. Subqueries that it cannot turn into joins are told apart by the form in which it prints them.
fn not_implemented(message: &str) -> Error {
    let unplanned = message.strip_prefix("Physical plan does not support logical expression ");
    match unplanned {
        Some(expr) if expr.starts_with("InSubquery") || expr.starts_with("Exists") => Error::statement(
            "IN (SELECT …) and EXISTS are supported in WHERE and HAVING only, and there not in every place",
        )
        .help("LEFT JOIN the subquery and test its column for NULL"),
        Some(expr) if expr.starts_with("ScalarSubquery") => not_by_equality(),
        Some(expr) if expr.starts_with("OuterReferenceColumn") => {
            Error::statement("LATERAL is supported for subqueries that refer to the outer tables in WHERE only")
                .help("SELECT unnest(t.a) … FROM t unfolds an array")
        }
        _ => Error::statement(format!("not supported: {}", in_sql(&first_line(message)))),
    }
}

/// Messages of the planner that can be said better.
fn planning(message: &str) -> Error {
    if let Some(rest) = message.strip_prefix("Invalid function '") {
        let (name, rest) = rest.split_once('\'').unwrap_or((rest, ""));
        if WINDOW_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str()) {
            return Error::statement(format!("{name} needs OVER (…), which says of which rows"))
                .help(format!("as in {name}(…) OVER (PARTITION BY a ORDER BY b)"));
        }
        let error = Error::statement(format!("no function \"{name}\""));
        return match rest.split_once("Did you mean '").and_then(|(_, near)| near.split_once('\'')) {
            Some((near, _)) if nearest(name, [near]).is_some() => error.help(format!("did you mean \"{near}\"?")),
            _ => error.help("\\df or SHOW FUNCTIONS lists them"),
        };
    }
    if let Some(error) = wrong_arguments(message).or_else(|| neither_grouped_nor_aggregated(message)) {
        return error;
    }
    if let Some(error) = uneven_values(message).or_else(|| no_such_operation(message)) {
        return error;
    }
    let text = in_sql(message.trim());
    // Signatures and candidates stand on lines of their own: they are the help.
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut error = Error::statement(lines.next().unwrap_or("the statement cannot be planned").to_string());
    for line in lines.take(6) {
        error = error.help(line.to_string());
    }
    error
}

/// Functions that there are over a window alone.
const WINDOW_FUNCTIONS: [&str; 8] =
    ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"];

/// `SELECT a, count(*) FROM t`: DataFusion tells of it in the words of its own work, whatever the clause.
fn neither_grouped_nor_aggregated(message: &str) -> Option<Error> {
    let rest = message.strip_prefix("Column in ")?;
    let (clause, rest) = rest.split_once(" must be in GROUP BY or an aggregate function: ")?;
    let (_, rest) = rest.split_once("column \"")?;
    let (column, _) = rest.split_once("\" must appear in the GROUP BY clause")?;
    let column = in_sql(column);
    let error = Error::statement(format!("{column} in {clause} is neither in GROUP BY nor in an aggregate function"));
    Some(error.help(format!("add it to GROUP BY, or aggregate it, as in max({column})")))
}

/// `'abc' + 1`
fn no_such_operation(message: &str) -> Option<Error> {
    let rest = message.strip_prefix("Cannot coerce arithmetic expression ")?;
    let operation = in_sql(rest.strip_suffix(" to valid types")?);
    let error = Error::statement(format!("there is no {operation}"));
    Some(match operation.contains("VARCHAR") {
        true => error.help("a text becomes a number by a cast: CAST(… AS DOUBLE), CAST(… AS DECIMAL(10, 2))"),
        false => error.help("CAST(… AS type) makes the one what the other is"),
    })
}

/// `VALUES (1), (2, 3)`
fn uneven_values(message: &str) -> Option<Error> {
    let rest = message.strip_prefix("Inconsistent data length across values list: got ")?;
    let (got, rest) = rest.split_once(" values in row ")?;
    let (row, expected) = rest.split_once(" but expected ")?;
    let row = row.parse::<usize>().ok()? + 1;
    Some(Error::statement(format!("row {row} of VALUES has {got} values, where {expected} are expected")))
}

/// A call that no function fits: what is said of it in the innermost place, or which types were given.
fn wrong_arguments(message: &str) -> Option<Error> {
    const CALL: &str = "No function matches the given name and argument types '";
    let (before, after) = message.split_once(CALL)?;
    // `Error during planning: upper is called as upper(text): …`: that is ours, and says all.
    if let Some(said) = before.find(" is called as ") {
        let start = before.get(..said)?.rfind(": ").map_or(0, |colon| colon + 2);
        return Some(Error::statement(in_sql(before.get(start..)?.trim().trim_end_matches('.'))));
    }
    let (call, candidates) = after.split_once("'. You might need")?;
    let name = call.split('(').next().unwrap_or(call);
    let error = Error::statement(format!("{name} does not take these arguments: {}", in_sql(call)));
    let lines = candidates.lines().skip(1).map(str::trim);
    let told = lines.filter(|line| line.starts_with(&format!("{name}(")) && !line.ends_with("(UserDefined)"));
    let mut error = error.help(format!("\\df {name} shows how it is called"));
    for line in told.take(3) {
        error = error.help(in_sql(line));
    }
    Some(error)
}

/// What stands before a backtrace or a dump of details.
fn first_line(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or(message);
    // An error within another one's message says of itself what it is.
    let message = message.strip_prefix("Execution error: ").unwrap_or(message);
    message.split(".\nThis issue was likely caused by a bug").next().unwrap_or(message).trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_and_its_kind_are_kept() {
        let ours = Error::storage("orders.parquet is cut off").help("copy it again");
        let wrapped = DataFusionError::Shared(Arc::new(DataFusionError::Context(
            "optimizing".into(),
            Box::new(DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(Box::new(ours))), None)),
        )));
        let error = Error::from(wrapped);
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(error.message(), "orders.parquet is cut off");
        assert_eq!(error.help_lines(), ["copy it again"]);
    }

    #[test]
    fn a_call_that_fits_no_function_is_said_in_one_line() {
        let ours = "Execution error: Function 'upper' user-defined coercion failed with: Error during planning: upper is \
                    called as upper(text): argument 1 is ARRAY<BIGINT>, not text. No function matches the given name and \
                    argument types 'upper(List(Int64))'. You might need to add explicit type casts.\n\tCandidate \
                    functions:\n\tupper(UserDefined)";
        let error = Error::from(DataFusionError::Plan(ours.to_string()));
        assert_eq!(error.message(), "upper is called as upper(text): argument 1 is ARRAY<BIGINT>, not text");
        let theirs = "Function 'lower' failed to match any signature. No function matches the given name and argument \
                      types 'lower(Int64, Utf8)'. You might need to add explicit type casts.\n\tCandidate \
                      functions:\n\tlower(String(1))";
        let error = Error::from(DataFusionError::Plan(theirs.to_string()));
        assert_eq!(error.message(), "lower does not take these arguments: lower(BIGINT, VARCHAR)");
        assert_eq!(error.help_lines(), ["\\df lower shows how it is called", "lower(String(1))"]);
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = || DataFusionError::IoError(std::io::Error::from(std::io::ErrorKind::StorageFull));
        let wrapped = DataFusionError::IoError(std::io::Error::other(full()));
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull));
        let of_store = ::object_store::Error::Generic { store: "LocalFileSystem", source };
        for error in [full(), wrapped, DataFusionError::ObjectStore(Box::new(of_store))] {
            let error = Error::from(error);
            assert_eq!((error.kind(), error.message()), (ErrorKind::Resources, "the disk is full"));
        }
    }
}
