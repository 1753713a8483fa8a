//! What names say about keys: `o_custkey` is meant for `customer.c_custkey`, `customer_id` for `customers.id`.
//!
//! Names only rank what the data allows: a key or a foreign key is found by its values.

/// Words that end the name of a key.
const KEY_WORDS: [&str; 17] = [
    "id", "key", "sk", "pk", "fk", "uuid", "guid", "oid", "code", "no", "nr", "num", "number", "ref", "isbn", "sku",
    "seq",
];
/// Words that name a part of a two-column key: a line of an order, a day of a rate.
const PART_WORDS: [&str; 12] =
    ["date", "day", "dt", "month", "year", "time", "ts", "version", "line", "pos", "position", "lang"];
/// Endings that stand for a word of their own although nothing divides them: `custkey`, `customerid`.
const ENDINGS: [&str; 3] = ["key", "id", "number"];
/// Words in front of or behind a table's name that say nothing of what is in it.
const TABLE_WORDS: [&str; 10] = ["dim", "fact", "fct", "tbl", "tab", "stg", "staging", "raw", "src", "hist"];

/// How sure names make a foreign key, from 0 to 1. From [`SIMILAR`] on, they say that it is meant.
pub(super) const SIMILAR: f64 = 0.7;

/// A column's name in words, without the prefix that the table's columns share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnName {
    words: Vec<String>,
    table: Vec<String>,
}

/// The names of a table's columns, in their order.
pub(super) fn column_names<'a>(table: &str, columns: impl IntoIterator<Item = &'a str>) -> Vec<ColumnName> {
    let mut all: Vec<Vec<String>> = columns.into_iter().map(words).collect();
    strip_prefix(&mut all);
    let mut table = words(table);
    if table.iter().any(|word| !TABLE_WORDS.contains(&word.as_str())) {
        table.retain(|word| !TABLE_WORDS.contains(&word.as_str()));
    }
    all.into_iter().map(|words| ColumnName { words, table: table.clone() }).collect()
}

impl ColumnName {
    /// Whether it ends like the name of a key.
    pub(super) fn is_key(&self) -> bool {
        self.words.last().is_some_and(|word| KEY_WORDS.contains(&word.as_str()))
    }

    /// Whether it may be a part of a key of two columns.
    pub(super) fn is_key_part(&self) -> bool {
        self.is_key() || self.words.last().is_some_and(|word| PART_WORDS.contains(&word.as_str()))
    }

    /// Whether it is the key of this very table: `id`, `customer_id` in `customers`, `c_custkey` in `customer`.
    pub(super) fn is_own_key(&self) -> bool {
        self.is_key() && (self.entity().is_empty() || ends_with(&self.table, self.entity()).is_some())
    }

    /// What the key is of: `customer` of `customer_id`.
    fn entity(&self) -> &[String] {
        match self.words.split_last() {
            Some((last, entity)) if KEY_WORDS.contains(&last.as_str()) => entity,
            _ => &self.words,
        }
    }

    fn key_word(&self) -> Option<&str> {
        self.words.last().map(String::as_str).filter(|word| KEY_WORDS.contains(word))
    }

    /// How sure it is by name that this column refers to `key`, a key of a table. `itself`: of this column's own table.
    pub(super) fn refers_to(&self, key: &ColumnName, itself: bool) -> f64 {
        let generic = key.entity().is_empty();
        // `id` of customers is customer_id to others.
        let wanted = if generic { key.table.as_slice() } else { key.entity() };
        // `id` of orders is the order's own and refers to nobody.
        if self.entity().is_empty() {
            return 0.0;
        }
        let same_word = self.key_word().is_some() && self.key_word() == key.key_word();
        // parent_id, manager_id, reports_to: only within the table can they mean its id.
        if itself && same_word && generic {
            return SIMILAR;
        }
        match ends_with(self.entity(), wanted) {
            Some(sure) if same_word => sure,
            Some(sure) => sure * 0.9,
            None => self.by_letters(key),
        }
    }

    /// Names that are no match may still be near; this only ranks.
    fn by_letters(&self, key: &ColumnName) -> f64 {
        strsim::normalized_levenshtein(&self.words.concat(), &key.words.concat()) * (SIMILAR / 2.0)
    }
}

/// Whether `words` ends in `wanted`, and how sure that is.
fn ends_with(words: &[String], wanted: &[String]) -> Option<f64> {
    if wanted.is_empty() {
        return None;
    }
    let start = words.len().checked_sub(wanted.len())?;
    let sure = alike_words(words.get(start..)?, wanted)?;
    Some(if start == 0 { sure } else { sure * 0.95 })
}

fn alike_words(one: &[String], other: &[String]) -> Option<f64> {
    if one.len() != other.len() || one.is_empty() {
        return None;
    }
    one.iter().zip(other).map(|(one, other)| alike(one, other)).try_fold(1.0, |sure: f64, more| Some(sure.min(more?)))
}

/// The same word, or a part of its beginning: `cust` and `customer`.
fn alike(one: &str, other: &str) -> Option<f64> {
    let (one, other) = (singular(one), singular(other));
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short == long {
        return Some(1.0);
    }
    (short.chars().count() >= 3 && long.starts_with(&short)).then_some(0.85)
}

/// `categories` is many of `category`.
fn singular(word: &str) -> String {
    let endings = [("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("uses", "us")];
    for (many, one) in endings {
        if let Some(stem) = word.strip_suffix(many)
            && stem.len() > 1
        {
            return format!("{stem}{one}");
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with(['s', 'u', 'i']) => stem.to_string(),
        _ => word.to_string(),
    }
}

/// A name in lower-case words: `custKey`, `cust_key` and `CUSTKEY` are all `cust key`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before_is_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower) {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase() || c.is_numeric();
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    if let Some(last) = words.pop() {
        let parts = ENDINGS.iter().find_map(|ending| {
            last.strip_suffix(ending).filter(|rest| rest.chars().count() >= 3).map(|rest| [rest, ending])
        });
        match parts {
            Some(parts) => words.extend(parts.map(str::to_string)),
            None => words.push(last),
        }
    }
    words
}

/// Takes away the first word if nearly all columns begin with it: `o_` of `o_orderkey`, `o_custkey`, ….
fn strip_prefix(columns: &mut [Vec<String>]) {
    let Some(prefix) = columns.first().and_then(|words| words.first()).cloned() else { return };
    let has = |words: &Vec<String>| words.len() > 1 && words.first() == Some(&prefix);
    let count = columns.iter().filter(|words| has(words)).count();
    // Columns from folder names are called otherwise.
    if count < 2 || count * 4 < columns.len() * 3 || KEY_WORDS.contains(&prefix.as_str()) {
        return;
    }
    for words in columns.iter_mut().filter(|words| has(words)) {
        words.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(table: &str, columns: &[&str]) -> Vec<ColumnName> {
        column_names(table, columns.iter().copied())
    }

    #[test]
    fn names_are_cut_into_words() {
        assert_eq!(words("o_custkey"), ["o", "cust", "key"]);
        assert_eq!(words("customerId"), ["customer", "id"]);
        assert_eq!(words("CUSTOMER_ID"), ["customer", "id"]);
        assert_eq!(words("paid"), ["paid"]);
        assert_eq!(words("key"), ["key"]);
        assert_eq!(words("l_linenumber"), ["l", "line", "number"]);
        assert_eq!(words("größe"), ["größe"]);
        assert!(words("__").is_empty());
    }

    #[test]
    fn the_prefix_of_a_table_is_none_of_its_names() {
        let orders = names("orders", &["o_orderkey", "o_custkey", "o_comment", "dt"]);
        assert_eq!(orders[1].words, ["cust", "key"]);
        assert_eq!(orders[3].words, ["dt"]);
        let mixed = names("t", &["sales_id", "sales_day", "amount"]);
        assert_eq!(mixed[0].words, ["sales", "id"], "one of three is called otherwise");
    }

    #[test]
    fn a_key_is_known_by_its_last_word() {
        let of = |table: &str, column: &str| names(table, &[column]).remove(0);
        assert!(of("customers", "id").is_own_key());
        assert!(of("customers", "customer_id").is_own_key());
        assert!(of("dim_customer", "customer_sk").is_own_key());
        assert!(of("orders", "customer_id").is_key() && !of("orders", "customer_id").is_own_key());
        assert!(!of("orders", "comment").is_key());
        assert!(of("rates", "day").is_key_part());
    }

    #[test]
    fn references_are_meant_by_their_names() {
        let sure = |(child_table, child): (&str, &[&str]), (table, keys): (&str, &[&str])| {
            names(child_table, child)[0].refers_to(&names(table, keys)[0], child_table == table)
        };
        let meant = [
            (("orders", ["o_custkey", "o_x"]), ("customer", ["c_custkey", "c_name"])),
            (("orders", ["customer_id", "x"]), ("customers", ["id", "name"])),
            (("orders", ["billing_customer_id", "x"]), ("customers", ["id", "name"])),
            (("orders", ["customerId", "x"]), ("customer", ["customer_id", "name"])),
            (("staff", ["manager_id", "id"]), ("staff", ["id", "manager_id"])),
            (("store_sales", ["ss_sold_date_sk", "ss_x"]), ("date_dim", ["d_date_sk", "d_date"])),
            (("store_sales", ["ss_addr_sk", "ss_x"]), ("customer_address", ["ca_address_sk", "ca_x"])),
            (("sales", ["country", "x"]), ("countries", ["code", "name"])),
        ];
        for (child, key) in meant {
            assert!(sure((child.0, &child.1), (key.0, &key.1)) >= SIMILAR, "{child:?} {key:?}");
        }
        let not_meant = [
            (("orders", ["id", "x"]), ("customers", ["id", "name"])),
            (("lineitem", ["l_linenumber", "l_x"]), ("nation", ["n_nationkey", "n_name"])),
            (("lineitem", ["l_suppkey", "l_x"]), ("customer", ["c_custkey", "c_name"])),
            (("orders", ["status", "x"]), ("customers", ["id", "name"])),
        ];
        for (child, key) in not_meant {
            assert!(sure((child.0, &child.1), (key.0, &key.1)) < SIMILAR, "{child:?} {key:?}");
        }
    }

    #[test]
    fn many_are_of_one() {
        for (many, one) in
            [("categories", "category"), ("statuses", "status"), ("addresses", "address"), ("orders", "order")]
        {
            assert_eq!(alike(many, one), Some(1.0), "{many}");
        }
        assert_eq!(singular("status"), "status");
        assert_eq!(alike("no", "notes"), None);
    }
}
