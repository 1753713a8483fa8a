//! Statements of other engines that cannot be done here. Each is one line that says so and what to do, at its place.

use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Parsed, words};

/// Refuses the statement that comes next if it is one of these.
pub(super) fn statement(parser: &Parser) -> Parsed<()> {
    let span = parser.peek_token_ref().span;
    let word = |ahead| words::peek(parser, ahead);
    let (first, second) = (word(0), word(1));
    let message = match (first.as_deref(), second.as_deref()) {
        (Some("ADD" | "DELETE" | "LIST"), Some(what @ ("JAR" | "JARS"))) => {
            format!("{what}: Java code cannot be run here; leave the statement out")
        }
        (Some("ADD" | "DELETE" | "LIST"), Some(what @ ("FILE" | "FILES" | "ARCHIVE" | "ARCHIVES"))) => {
            format!("{what}: files are for programs that run on rows, which is not done here; leave the statement out")
        }
        (Some("CREATE" | "DROP" | "SHOW" | "SET"), Some("ROLE" | "ROLES"))
        | (Some("SHOW"), Some("GRANT" | "PRINCIPALS"))
        | (Some("GRANT" | "REVOKE" | "DENY"), _) => {
            "there are no users or rights here; leave the statement out".to_string()
        }
        (Some("LOCK" | "UNLOCK"), Some("TABLE" | "TABLES" | "DATABASE" | "SCHEMA")) => {
            "tables are not locked by a statement: each write waits for the one before; leave the statement out"
                .to_string()
        }
        (Some("SHOW"), Some("LOCKS" | "TRANSACTIONS" | "COMPACTIONS")) => {
            "there are no locks or transactions to show".to_string()
        }
        (Some("RELOAD"), Some("FUNCTION" | "FUNCTIONS")) | (Some("DROP"), Some("FUNCTION")) => {
            "functions cannot be defined in SQL; \\df lists those that there are".to_string()
        }
        (Some("DROP"), Some("TEMPORARY")) if matches!(word(2).as_deref(), Some("FUNCTION" | "MACRO")) => {
            "functions cannot be defined in SQL; \\df lists those that there are".to_string()
        }
        (Some("EXPORT"), Some("TABLE")) => "EXPORT is not supported; COPY t TO 'place' writes the rows".to_string(),
        (Some("IMPORT"), Some("TABLE" | "EXTERNAL" | "FROM")) => {
            "IMPORT is not supported; CREATE EXTERNAL TABLE … LOCATION reads files where they lie".to_string()
        }
        (Some("KILL"), Some("QUERY")) => "queries of other sessions cannot be stopped".to_string(),
        (Some("DFS"), _) => {
            "dfs commands are not done here; use the tools of the place where the files lie".to_string()
        }
        (Some(first), _) => match of_one_word(first, second.as_deref()) {
            Some(message) => message.to_string(),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    words::refuse(&message, span)
}

/// Statements that are known by their first word.
fn of_one_word(first: &str, second: Option<&str>) -> Option<&'static str> {
    Some(match first {
        "MERGE" => {
            "MERGE is not supported; UPDATE and DELETE change rows, and INSERT adds those that are not there yet"
        }
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "ABORT" | "END" => {
            "there are no transactions over several statements: each statement is one; leave this one out"
        }
        "PREPARE" | "EXECUTE" | "DEALLOCATE" => {
            "prepared statements are not supported; bind values with :name and --var"
        }
        "SUMMARIZE" => {
            "SUMMARIZE is not supported; DESCRIBE shows the columns, \\profile t (or ostrich profile t) what is in them"
        }
        "PRAGMA" => "PRAGMA is not supported; SET changes settings, DESCRIBE t shows columns, SHOW TABLES lists tables",
        "ATTACH" | "DETACH" => {
            "databases of other engines are not attached; --catalog DIR opens a catalog, and files are read where they lie: FROM 'a.parquet'"
        }
        "INSTALL" => "there are no extensions to install; leave the statement out",
        "LOAD" if second != Some("DATA") => "there are no extensions to load; LOAD DATA INPATH adds files to a table",
        "VACUUM" | "CHECKPOINT" | "REINDEX" => {
            "there is nothing to clean up: files that were replaced are gone at once; leave the statement out"
        }
        "OPTIMIZE" => "OPTIMIZE is not supported; INSERT OVERWRITE TABLE t SELECT * FROM t writes few large files",
        "REFRESH" => "tables need no REFRESH: each statement lists their files anew; leave the statement out",
        "CACHE" | "UNCACHE" => {
            "tables are not cached by a statement; CREATE TEMPORARY TABLE … AS SELECT keeps rows for a session"
        }
        "CALL" => "there are no procedures; functions are called in a query: SELECT f(…)",
        "PIVOT" | "UNPIVOT" => {
            "PIVOT is not supported; use an aggregate with FILTER for each column: sum(x) FILTER (WHERE kind = 'a') AS a"
        }
        "DECLARE" | "FETCH" | "CLOSE" => "there are no cursors; a query gives its rows as they come",
        _ => return None,
    })
}

/// `SELECT TRANSFORM (a) USING 'program'`, `MAP a USING 'program'`, `REDUCE a USING 'program'`. sqlparser knows none of them, and complains
/// of a word behind.
pub(super) fn programs(tokens: &[TokenWithSpan]) -> Parsed<()> {
    let mut words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let mut last = None;
    while let Some(token) = words.next() {
        let Token::Word(word) = &token.token else { continue };
        if word.quote_style.is_some() {
            continue;
        }
        let upper = word.value.to_ascii_uppercase();
        if matches!(upper.as_str(), "TRANSFORM" | "MAP" | "REDUCE") {
            last = Some((upper, token.span));
        } else if word.keyword == Keyword::USING
            && matches!(words.clone().next().map(|next| &next.token), Some(Token::SingleQuotedString(_)))
            && let Some((what, span)) = last
        {
            let message = format!(
                "{what} … USING runs a program on the rows, which is not done here; use functions, or run the program before or behind"
            );
            return super::words::refuse(&message, span);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::dialect::Dialect;
    use crate::sql::rewrite::testing::refused_hive;
    use crate::sql::source::Source;
    use crate::sql::variables::Variables;
    use crate::sql::{parser, splitter};

    #[test]
    fn programs_are_refused_where_they_are_asked_for() {
        for (marked, what) in [
            ("SELECT ▸TRANSFORM (a, b) USING 'cat' AS (c, d) FROM t", "TRANSFORM"),
            ("FROM t ▸MAP a, b USING 'cat' AS c", "MAP"),
            ("FROM (FROM t SELECT a) x ▸REDUCE a USING 'cat'", "REDUCE"),
        ] {
            let message = format!(
                "{what} … USING runs a program on the rows, which is not done here; use functions, or run the program \
                 before or behind"
            );
            refused_hive(marked, &message);
        }
    }

    #[test]
    fn words_alone_are_names() {
        for sql in ["SELECT map('a', 1) AS m", "SELECT a.x FROM a JOIN b USING (x)", "SELECT transform FROM t"] {
            assert!(read(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn statements_for_which_there_is_nothing_are_refused() {
        for sql in [
            "ADD JAR /tmp/a.jar",
            "ADD FILE 'a.py'",
            "ADD ARCHIVE a.zip",
            "LIST JARS",
            "CREATE ROLE r",
            "DROP ROLE r",
            "SET ROLE admin",
            "SHOW ROLES",
            "GRANT SELECT ON t TO USER u",
            "REVOKE ALL ON t FROM USER u",
            "LOCK TABLE t EXCLUSIVE",
            "UNLOCK TABLE t",
            "LOCK TABLES t",
            "SHOW LOCKS",
            "CREATE FUNCTION f AS 'a.B' USING JAR 'x.jar'",
            "CREATE TEMPORARY FUNCTION f AS 'a.B'",
            "DROP TEMPORARY FUNCTION f",
            "RELOAD FUNCTION",
            "EXPORT TABLE t TO '/x'",
            "IMPORT FROM '/x'",
            "KILL QUERY 'a'",
            "dfs -ls /",
        ] {
            let error = read(sql).unwrap_err();
            let message = error.message();
            assert!(!message.starts_with("expected"), "{sql}: {message}");
            let start = error.position().map(|position| position.span.start.line);
            assert_eq!(start, Some(1), "{sql}: {message}");
        }
    }

    fn read(sql: &str) -> crate::error::Result<()> {
        let pieces = splitter::split(&Source::new("q.hql", sql), Dialect::Hive);
        let piece = pieces.first().unwrap();
        parser::parse(piece, Dialect::Hive, &Variables::default()).map(drop)
    }
}
