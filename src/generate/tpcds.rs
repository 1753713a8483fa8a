//! The tables of TPC-DS: what makes their rows.

use tpcdsgen::config::{Session, SessionBuilder};
use tpcdsgen::row::*;
use tpcdsgen::table::Table as Generated;

use super::Table;
use super::rows::{RowSource, rows_of};
use crate::error::{Error, Result};

pub(super) const DDL: &str = include_str!("tpcds.sql");

/// Below the first, the generator makes empty tables; the specification ends at the second.
pub(super) const SCALES: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;

/// All tables at a scale, dimensions and facts in the generator's order.
///
/// # Errors
///
/// If the generator does not take the scale.
pub(super) fn tables(scale: f64) -> Result<Vec<Table>> {
    let session = SessionBuilder::new()
        .with_scale_factor(scale)
        // What `dbgen_version` says of how the data was made.
        .with_command_line_arguments(format!("ostrich generate tpcds --scale {scale}"))
        .build()
        .map_err(|error| Error::usage(error.to_string()))?;
    Ok(Generated::values()
        .iter()
        .map(|&table| {
            let session = session.clone();
            let expected_rows = expected_rows(table, &session);
            Table::new(table.get_name(), expected_rows, move || Ok(rows(table, session))).null_text(null_text(table))
        })
        .collect())
}

/// The rows to expect. Sales are counted in orders, of 8 to 16 lines in stores and on the web and of 4 to 14 in
/// catalogs; about one line in ten comes back.
fn expected_rows(table: Generated, session: &Session) -> u64 {
    let count = |table| session.get_scaling().get_row_count(table);
    match table {
        Generated::StoreSales | Generated::WebSales => count(table) * 12,
        Generated::CatalogSales => count(table) * 9,
        Generated::StoreReturns | Generated::WebReturns => count(table) * 12 / 10,
        Generated::CatalogReturns => count(table) * 9 / 10,
        _ => count(table),
    }
}

/// Two of the generator's tables print NULL as a word.
fn null_text(table: Generated) -> &'static str {
    match table {
        Generated::CallCenter | Generated::HouseholdDemographics => "NULL",
        _ => "",
    }
}

fn rows(table: Generated, session: Session) -> RowSource {
    // Sales and returns alike are counted in orders.
    let count = session.get_scaling().get_row_count(table);
    match table {
        Generated::CallCenter => rows_of(CallCenterRowGenerator::new(session, count)),
        Generated::CatalogPage => rows_of(CatalogPageRowGenerator::new(session, count)),
        Generated::CatalogReturns => rows_of(CatalogReturnsRowGenerator::new(session, count)),
        Generated::CatalogSales => rows_of(CatalogSalesRowGenerator::new(session, count)),
        Generated::Customer => rows_of(CustomerRowGenerator::new(session, count)),
        Generated::CustomerAddress => rows_of(CustomerAddressRowGenerator::new(session, count)),
        Generated::CustomerDemographics => rows_of(CustomerDemographicsRowGenerator::new(session, count)),
        Generated::DateDim => rows_of(DateDimRowGenerator::new(session, count)),
        Generated::HouseholdDemographics => rows_of(HouseholdDemographicsRowGenerator::new(session, count)),
        Generated::IncomeBand => rows_of(IncomeBandRowGenerator::new(session, count)),
        Generated::Inventory => rows_of(InventoryRowGenerator::new(session, count)),
        Generated::Item => rows_of(ItemRowGenerator::new(session, count)),
        Generated::Promotion => rows_of(PromotionRowGenerator::new(session, count)),
        Generated::Reason => rows_of(ReasonRowGenerator::new(session, count)),
        Generated::ShipMode => rows_of(ShipModeRowGenerator::new(session, count)),
        Generated::Store => rows_of(StoreRowGenerator::new(session, count)),
        Generated::StoreReturns => rows_of(StoreReturnsRowGenerator::new(session, count)),
        Generated::StoreSales => rows_of(StoreSalesRowGenerator::new(session, count)),
        Generated::TimeDim => rows_of(TimeDimRowGenerator::new(session, count)),
        Generated::Warehouse => rows_of(WarehouseRowGenerator::new(session, count)),
        Generated::WebPage => rows_of(WebPageRowGenerator::new(session, count)),
        Generated::WebReturns => rows_of(WebReturnsRowGenerator::new(session, count)),
        Generated::WebSales => rows_of(WebSalesRowGenerator::new(session, count)),
        Generated::WebSite => rows_of(WebSiteRowGenerator::new(session, count)),
        // Its text has the time as 12:34:56; the column is the seconds since midnight.
        Generated::DbgenVersion => rows_of(DbgenVersionRowGenerator::new(session, count).map(|row| {
            format!(
                "{}|{}|{}|{}|",
                row.get_dv_version(),
                row.get_dv_create_date(),
                row.get_dv_create_time(),
                row.get_dv_cmdline_args()
            )
        })),
    }
}
