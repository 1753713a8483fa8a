//! Memory that did not suffice: what needed it, how much there was, and who had it
//!
//! DataFusion tells it in four lines about consumers and reservations of a pool. A user knows the clauses of a query and a setting.

use super::{Error, ErrorKind};

/// Memory or spill space did not suffice.
pub(super) fn exhausted(message: &str) -> Error {
    let text = message.trim();
    if text.contains("disk") || text.contains("spill") && text.contains("limit") {
        return Error::new(ErrorKind::Resources, text.to_string())
            .help("SET datafusion.runtime.max_temp_directory_size = '500G' allows more spilled data");
    }
    let error = match Shortage::read(text) {
        Some(shortage) => {
            let Shortage { consumer, wanted, left, limit } = shortage;
            let error = Error::new(
                ErrorKind::Resources,
                format!(
                    "not enough memory: {} needs {wanted} more, and of {limit} there are {left} left",
                    in_words(consumer)
                ),
            );
            match largest(text) {
                Some(holders) => error.help(format!("most of it is held by {holders}")),
                None => error,
            }
        }
        None => Error::new(ErrorKind::Resources, format!("not enough memory: {text}")),
    };
    error
        .help("--memory-limit 16GB, -m 16GB or SET datafusion.runtime.memory_limit = '16G' allows more")
        .help("fewer --threads need less; a smaller join side or fewer columns do as well")
}

struct Shortage<'a> {
    consumer: &'a str,
    wanted: &'a str,
    left: &'a str,
    limit: &'a str,
}

impl<'a> Shortage<'a> {
    /// `Failed to allocate additional 4.7 MB for TopK[1] with 0.0 B already … - 2.9 MB remain available for the total memory pool:
    /// fair(pool_size: 19.1 MB)`
    fn read(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("Failed to allocate additional ")?;
        let (wanted, rest) = rest.split_once(" for ")?;
        let (consumer, rest) = rest.split_once(" with ")?;
        let (_, rest) = rest.split_once(" - ")?;
        let (left, rest) = rest.split_once(" remain available")?;
        let (_, rest) = rest.split_once("pool_size: ")?;
        let (limit, _) = rest.split_once(')')?;
        Some(Shortage { consumer, wanted, left, limit })
    }
}

/// The consumers that DataFusion lists, largest first, but for those that hold nothing.
fn largest(text: &str) -> Option<String> {
    let listed = text.lines().filter_map(|line| {
        let (consumer, rest) = line.trim().split_once("(can spill:")?;
        let (_, rest) = rest.split_once(" consumed ")?;
        let (size, _) = rest.split_once(", ")?;
        let consumer = consumer.split_once('#').map_or(consumer, |(name, _)| name);
        (!size.starts_with("0.0 ")).then(|| format!("{} ({size})", in_words(consumer)))
    });
    let listed: Vec<String> = listed.collect();
    (!listed.is_empty()).then(|| listed.join(", "))
}

/// What of a query an operator does: `TopK[1]` is one of the parts of a sort.
fn in_words(consumer: &str) -> String {
    let name = consumer.split(['[', '#', '(']).next().unwrap_or(consumer).trim();
    let work = match name {
        _ if name.contains("Sorter") || name.contains("SortPreservingMerge") || name.contains("SortExec") => "a sort",
        _ if name.contains("TopK") => "ORDER BY with LIMIT",
        _ if name.contains("Aggregate") => "GROUP BY or DISTINCT",
        _ if name.contains("Join") => "a join",
        _ if name.contains("Window") => "a window function",
        _ if name.contains("Repartition") => "an exchange of rows between threads",
        _ if name.contains("Sink") || name.contains("Writer") => "writing files",
        _ => return name.to_string(),
    };
    format!("{work} ({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "Additional allocation failed for TopK[1] with top memory consumers (across reservations) as:\n  \
                          FinalHashAggregateStream[1]#5(can spill: true) consumed 8.2 MB, peak 9.4 MB,\n  \
                          SortPreservingMergeExec[0]#0(can spill: false) consumed 0.0 B, peak 0.0 B.\nError: Failed to \
                          allocate additional 4.7 MB for TopK[1] with 0.0 B already allocated for this reservation - 2.9 \
                          MB remain available for the total memory pool: fair(pool_size: 19.1 MB)";

    #[test]
    fn the_clause_the_amounts_and_the_setting_are_told() {
        let error = exhausted(THEIRS);
        assert_eq!(
            error.message(),
            "not enough memory: ORDER BY with LIMIT (TopK) needs 4.7 MB more, and of 19.1 MB there are 2.9 MB left"
        );
        let help = error.help_lines();
        assert_eq!(help[0], "most of it is held by GROUP BY or DISTINCT (FinalHashAggregateStream) (8.2 MB)");
        assert!(help[1].contains("-m 16GB"), "{}", help[1]);
    }

    #[test]
    fn what_is_said_otherwise_stays() {
        assert_eq!(exhausted("The pool is closed").message(), "not enough memory: The pool is closed");
    }
}
