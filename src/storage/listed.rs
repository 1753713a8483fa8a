//! The files of a table whose catalog lists its partitions, each in a folder that may be anywhere.
//!
//! A folder that is not in the list is not part of the table, whatever its name; one that is gone has no rows. Most
//! partitions lie below the table's own folder: where they are many, that one is listed as a whole, which asks an object
//! store a few times in place of thousands.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::listing::{self, Found};
use super::location::Location;
use crate::error::Result;

/// A partition that a catalog lists.
#[derive(Debug, Clone)]
pub struct ListedPartition {
    /// Of the partition columns, as folders' names would have them; `None` is NULL.
    pub values: Vec<Option<String>>,
    pub location: Location,
    /// Why its files cannot be read as the table's, if they cannot.
    pub unreadable: Option<String>,
}

/// Partitions that are listed one by one, at most, while others lie beside them.
const ONE_BY_ONE: usize = 8;

/// How many folders are listed at the same time.
const AT_ONCE: usize = 16;

/// Which partitions a file belongs to, by its folder.
#[derive(Debug)]
pub(super) struct Owners<'a>(HashMap<&'a str, Vec<u32>>);

impl<'a> Owners<'a> {
    /// Of those partitions that can be read.
    pub(super) fn of(partitions: &'a [ListedPartition]) -> Self {
        let mut owners: HashMap<&str, Vec<u32>> = HashMap::new();
        for (row, partition) in (0..).zip(partitions) {
            if partition.unreadable.is_none() {
                owners.entry(partition.location.root().as_ref()).or_default().push(row);
            }
        }
        Owners(owners)
    }

    /// The partitions of a file: those of the deepest folder above it that is one's. Two may share a folder, and its rows.
    pub(super) fn rows(&self, file: &Path) -> &[u32] {
        let mut folder = file.as_ref();
        loop {
            if let Some(rows) = self.0.get(folder) {
                return rows;
            }
            match folder.rsplit_once('/') {
                Some((above, _)) => folder = above,
                None if folder.is_empty() => return &[],
                None => folder = "",
            }
        }
    }
}

/// The files of the partitions that can be read, sorted by path.
pub(super) async fn list(
    store: &Arc<dyn ObjectStore>,
    table: &Location,
    partitions: &[ListedPartition],
) -> Result<Vec<ObjectMeta>> {
    let readable: Vec<&Location> = partitions
        .iter()
        .filter(|partition| partition.unreadable.is_none())
        .map(|partition| &partition.location)
        .collect();
    let (below, mut apart): (Vec<&Location>, Vec<&Location>) =
        readable.into_iter().partition(|location| is_found_below(table, location));
    if below.len() > ONE_BY_ONE {
        apart.push(table)
    } else {
        apart.extend(below)
    }
    let owners = Owners::of(partitions);
    let places = &apart;
    let found: Vec<Found> = futures::stream::iter(0..places.len())
        .map(|index| listing::list(store, places[index]))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    // A folder may lie in another one.
    let mut files: BTreeMap<Path, ObjectMeta> = BTreeMap::new();
    for file in found.into_iter().flat_map(|found| found.files) {
        if !owners.rows(&file.location).is_empty() {
            files.insert(file.location.clone(), file);
        }
    }
    Ok(files.into_values().collect())
}

/// Whether a listing of the table's folder finds what is in a partition's: names that begin with `_` or `.` hide it.
fn is_found_below(table: &Location, partition: &Location) -> bool {
    let Some(below) = table.below(partition.root()) else { return false };
    !below.is_empty() && below.split('/').all(|folder| !folder.starts_with(['_', '.']))
}

#[cfg(test)]
mod tests {
    use std::path::Path as FsPath;

    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;

    fn partition(place: &str, unreadable: bool) -> ListedPartition {
        ListedPartition {
            values: vec![Some(place.to_string())],
            location: Location::parse(place, FsPath::new("/")).unwrap(),
            unreadable: unreadable.then(|| "why".to_string()),
        }
    }

    async fn found(files: &[&str], partitions: &[ListedPartition]) -> Vec<(String, Vec<u32>)> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for file in files {
            store.put(&Path::parse(file).unwrap(), "x".into()).await.unwrap();
        }
        let table = Location::parse("s3://b/t/", FsPath::new("/")).unwrap();
        let owners = Owners::of(partitions);
        let files = list(&store, &table, partitions).await.unwrap();
        files.iter().map(|file| (file.location.to_string(), owners.rows(&file.location).to_vec())).collect()
    }

    #[tokio::test]
    async fn only_the_folders_in_the_list_count() {
        let files = ["t/d=1/a", "t/d=2/b", "t/d=3/c", "t/_hidden/d", "else/e", "t/d=1/_SUCCESS", "t/d=10/f", "t/g"];
        let some = [
            partition("s3://b/t/d=1/", false),
            partition("s3://b/t/d=2/", true),
            partition("s3://b/t/_hidden/", false),
            partition("s3://b/else/", false),
            partition("s3://b/gone/", false),
        ];
        let expected = [("else/e", vec![3]), ("t/_hidden/d", vec![2]), ("t/d=1/a", vec![0])];
        let expected = expected.map(|(file, rows)| (file.to_string(), rows));
        assert_eq!(found(&files, &some).await, expected);
        // The same where the table's folder is listed as a whole.
        let mut many = some.to_vec();
        many.extend((100..120).map(|number| partition(&format!("s3://b/t/d={number}/"), false)));
        assert_eq!(found(&files, &many).await, expected);
    }

    #[tokio::test]
    async fn a_folder_in_a_folder_and_a_folder_of_two() {
        let files = ["t/a/x", "t/a/in/y"];
        let partitions =
            [partition("s3://b/t/a/", false), partition("s3://b/t/a/in/", false), partition("s3://b/t/a/", false)];
        let expected = [("t/a/in/y", vec![1]), ("t/a/x", vec![0, 2])];
        assert_eq!(found(&files, &partitions).await, expected.map(|(file, rows)| (file.to_string(), rows)));
    }
}
