//! A metastore's partitions as ours.
//!
//! Each has a place and a format of its own. What is of another format than the table stays in the list, with the reason
//! why it is not read: a query on other partitions does not need it, and one on all of them must not leave its rows out.

use super::table::{Storage, folder, storage_of};
use super::{spark, wire};
use crate::catalog::model::Partition;
use crate::error::{Error, Result};
use crate::storage::NULL_PARTITION;

pub(super) fn partitions(table: &wire::Table, found: Vec<wire::Partition>) -> Result<Vec<Partition>> {
    // Spark reads all partitions of its own tables in the one way that the table says.
    let of_table = match spark::provider(table) {
        Some(_) => None,
        None => Some(storage_of(&table.storage, &table.parameters)?),
    };
    found.into_iter().map(|partition| read(table, of_table.as_ref(), partition)).collect()
}

fn read(table: &wire::Table, of_table: Option<&Storage>, partition: wire::Partition) -> Result<Partition> {
    if partition.values.len() != table.partition_keys.len() {
        return Err(Error::statement(format!(
            "the metastore has a partition ({}) where the table has {} partition columns",
            partition.values.join(", "),
            table.partition_keys.len()
        )));
    }
    let unreadable = of_table.and_then(|of_table| match storage_of(&partition.storage, &table.parameters) {
        Ok(own) if own == *of_table => None,
        Ok(own) if own.format == of_table.format => {
            Some("it is written with other delimiters than the table has".to_string())
        }
        Ok(own) => Some(format!("it is {}, and the table is {}", own.format, of_table.format)),
        Err(error) => Some(error.message().to_string()),
    });
    let Some(location) = partition.storage.location else {
        return Err(Error::statement(format!(
            "the metastore has no location for the partition ({})",
            partition.values.join(", ")
        )));
    };
    let values = partition.values.into_iter().map(|value| (value != NULL_PARTITION).then_some(value)).collect();
    Ok(Partition { values, location: folder(&location), unreadable })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{field, table, text_map};
    use super::*;

    const TEXT: [&str; 2] =
        ["org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"];

    fn partition(input_format: &str, serde: &str, value: &str) -> wire::Partition {
        wire::Partition { values: vec![value.into()], storage: table(input_format, serde).storage }
    }

    #[test]
    fn values_and_places_are_their_own() {
        let mut partitioned = table(TEXT[0], TEXT[1]);
        partitioned.partition_keys = vec![field("dt", "string")];
        let mut elsewhere = partition(TEXT[0], TEXT[1], "EU:West");
        elsewhere.storage.location = Some("s3a://other/dt=1".into());
        let found = vec![partition(TEXT[0], TEXT[1], NULL_PARTITION), elsewhere];
        let read = partitions(&partitioned, found).unwrap();
        assert_eq!((read[0].values.clone(), read[0].location.as_str()), (vec![None], "/lake/t/"));
        assert_eq!(read[1].values, [Some("EU:West".to_string())]);
        assert_eq!((read[1].location.as_str(), &read[1].unreadable), ("s3a://other/dt=1/", &None));
    }

    #[test]
    fn what_is_written_in_another_way_is_kept_with_the_reason() {
        let mut partitioned = table(TEXT[0], TEXT[1]);
        partitioned.partition_keys = vec![field("dt", "string")];
        let orc = partition(
            "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
            "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
            "1",
        );
        let mut tabs = partition(TEXT[0], TEXT[1], "2");
        tabs.storage.serde.parameters = text_map(&[("field.delim", "\t")]);
        let unknown = partition("com.example.Input", "com.example.SerDe", "3");
        let read = partitions(&partitioned, vec![orc, tabs, unknown]).unwrap();
        let why: Vec<_> = read.into_iter().map(|partition| partition.unreadable.unwrap()).collect();
        assert_eq!(why[0], "it is ORC, and the table is TEXTFILE");
        assert!(why[1].contains("other delimiters") && why[2].contains("com.example"), "{why:?}");
    }

    #[test]
    fn a_partition_that_does_not_fit_is_an_error() {
        let mut partitioned = table(TEXT[0], TEXT[1]);
        partitioned.partition_keys = vec![field("dt", "string"), field("hour", "int")];
        assert!(partitions(&partitioned, vec![partition(TEXT[0], TEXT[1], "1")]).is_err());
    }
}
