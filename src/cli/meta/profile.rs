//! `\profile`: what the rows of a table tell of it.

use async_trait::async_trait;

use super::{Call, Completes, Group, MetaCommand};
use crate::cli::commands::profile::show;
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::profile::ProfileRequest;

/// Shows columns, keys and foreign keys that are found in the data.
pub(super) struct Profile;

#[async_trait(?Send)]
impl MetaCommand for Profile {
    fn names(&self) -> &'static [&'static str] {
        &["\\profile"]
    }

    fn arguments(&self) -> &'static str {
        "[table|'file' …] [--sample rows|part%] [--exact] [--emit-ddl]"
    }

    fn help(&self) -> &'static str {
        "look at the rows: columns, keys, foreign keys"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let words = call.arguments.words(usize::MAX, &call.runner.session)?;
        let mut request = ProfileRequest::default();
        let mut emit_ddl = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (word.quote, word.text.as_str()) {
                (None, "--exact") => request.exact = true,
                (None, "--emit-ddl") => emit_ddl = true,
                (None, "--sample") => {
                    let size = words.next().ok_or_else(|| call.arguments.missing("size of the sample"))?;
                    let span = call.arguments.span(size);
                    let sample =
                        size.text.parse().map_err(|error: crate::Error| error.at(call.arguments.source(), span));
                    request.sample = Some(sample?);
                }
                (None, option) if option.starts_with("--") => {
                    let error = call.arguments.error(word, format!("no option {option}"));
                    return Err(error.help("the options are --sample, --exact and --emit-ddl"));
                }
                _ => request.names.push(call.arguments.written(word).to_string()),
            }
        }
        let (source, place) = (call.arguments.source(), call.arguments.place());
        show(&request, emit_ddl, call.runner).await.map_err(|error| error.at(source, place))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_is_shown_with_its_keys() {
        let mut shell = tpch().await;
        let shown = shell.shows("\\profile nation").await;
        assert!(shown.starts_with("Table default.nation: 25 rows\n"), "{shown}");
        for part in ["│ n_nationkey", "│ PRIMARY KEY", "default.region (r_regionkey)"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let ddl = shell.shows("\\profile nation --emit-ddl").await;
        assert!(ddl.contains("ALTER TABLE default.nation ADD PRIMARY KEY (n_nationkey) VALIDATE;\n"), "{ddl}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sample_is_called_one() {
        let mut shell = tpch().await;
        let shown = shell.shows("\\profile orders --sample 100").await;
        assert!(shown.contains("a sample of 100 rows") && shown.contains("│ sample"), "{shown}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn mistakes_are_pointed_at() {
        let mut shell = tpch().await;
        let error = shell.run("\\profile ntaion").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean \"nation\"?"]);
        assert_eq!(error.position().unwrap().span.start.column, 10);
        assert!(shell.run("\\profile nation --sample 0").await.unwrap_err().message().contains("no size"));
        assert!(shell.run("\\profile nation --smaple 5").await.unwrap_err().message().contains("no option"));
        assert!(shell.run("\\profile nation --sample").await.unwrap_err().message().contains("missing"));
    }
}
