//! `\constraints`: what is declared, and whether the optimizer may use it now.

use async_trait::async_trait;

use super::relations::matching;
use super::{Call, Completes, Group, MetaCommand, batch};
use crate::catalog::model::Relation;
use crate::catalog::show_create::constraint_clause;
use crate::cli::runner::Ended;
use crate::error::Result;

/// Lists the constraints of one table or of all.
pub(super) struct Constraints;

#[async_trait(?Send)]
impl MetaCommand for Constraints {
    fn names(&self) -> &'static [&'static str] {
        &["\\constraints"]
    }

    fn arguments(&self) -> &'static str {
        "[table]"
    }

    fn help(&self) -> &'static str {
        "list constraints, and whether they may be used now"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Relations
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let word = call.arguments.optional(&call.runner.session)?;
        let relations = matching(&call, word.as_ref()).await?;
        if let (Some(word), true) = (&word, relations.is_empty()) {
            return Err(call.arguments.error(word, format!("no table \"{}\"", word.text)));
        }
        let session = &call.runner.session;
        let mut rows: [Vec<Option<String>>; 5] = Default::default();
        for relation in &relations {
            let Relation::Table(table) = relation else { continue };
            let standings = session.constraint_standings(table).await?;
            for (constraint, standing) in table.constraints.iter().zip(standings) {
                let used = match (constraint.rely, &standing.why_not) {
                    (true, _) => "yes: RELY".to_string(),
                    (false, None) => "yes: checked".to_string(),
                    (false, Some(why)) => format!("no: {why}"),
                };
                let checked_at = standing.checked_at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string());
                let cells = [
                    Some(table.name.to_string()),
                    Some(constraint.name.clone()),
                    Some(constraint_clause(constraint)),
                    checked_at,
                    Some(used),
                ];
                for (column, cell) in rows.iter_mut().zip(cells) {
                    column.push(cell);
                }
            }
        }
        let [tables, names, clauses, checked_at, used] = rows;
        let rows = batch(vec![
            ("table", tables),
            ("constraint", names),
            ("definition", clauses),
            ("checked_at", checked_at),
            ("used", used),
        ])?;
        call.runner.show_batch(rows).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::tpch;

    #[tokio::test]
    async fn constraints_are_listed_with_why_they_are_not_used() {
        let mut shell = tpch().await;
        shell.runner.options.output.width = None;
        shell.run("alter table nation add constraint n_pk primary key (n_nationkey) validate;").await.unwrap();
        shell.run("alter table nation add constraint n_uk unique (n_name);").await.unwrap();
        shell.run("alter table region add constraint r_pk primary key (r_regionkey) rely;").await.unwrap();
        let all = shell.shows("\\constraints").await;
        for part in ["n_pk", "yes: checked", "n_uk", "no: it was never checked", "r_pk", "yes: RELY"] {
            assert!(all.contains(part), "{part} in {all}");
        }
        let one = shell.shows("\\constraints region").await;
        assert!(one.contains("r_pk") && !one.contains("n_pk"), "{one}");
        assert!(shell.run("\\constraints regoin").await.is_err());
    }
}
