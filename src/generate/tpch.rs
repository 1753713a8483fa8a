//! The tables of TPC-H: what makes their rows.

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

use super::Table;
use super::rows::rows_of;

pub(super) const DDL: &str = include_str!("tpch.sql");

/// Below the first, tables become empty and the generator fails; above the second, its random numbers are not defined.
pub(super) const SCALES: std::ops::RangeInclusive<f64> = 0.0001..=100_000.0;

/// All tables at a scale, in the order in which the specification names them.
pub(super) fn tables(scale: f64) -> Vec<Table> {
    macro_rules! table {
        ($name:literal, $generator:ident, $expected_rows:expr) => {
            Table::new($name, u64::try_from($expected_rows).unwrap_or(0), move || {
                Ok(rows_of($generator::new(scale, 1, 1).into_iter()))
            })
        };
    }
    let orders = OrderGenerator::calculate_row_count(scale, 1, 1);
    vec![
        table!("region", RegionGenerator, 5),
        table!("nation", NationGenerator, 25),
        table!("supplier", SupplierGenerator, SupplierGenerator::calculate_row_count(scale, 1, 1)),
        table!("customer", CustomerGenerator, CustomerGenerator::calculate_row_count(scale, 1, 1)),
        table!("part", PartGenerator, PartGenerator::calculate_row_count(scale, 1, 1)),
        table!("partsupp", PartSuppGenerator, PartGenerator::calculate_row_count(scale, 1, 1) * 4),
        table!("orders", OrderGenerator, orders),
        // One to seven lines an order, all equally likely.
        table!("lineitem", LineItemGenerator, orders * 4),
    ]
}
