//! MSCK REPAIR TABLE.

use crate::error::Result;
use crate::session::Session;
use crate::sql::statement::Repair;

impl Session {
    /// Lists the table's folders, so that a folder which does not fit the declaration is told now.
    pub(in crate::session) async fn repair(&self, repair: &Repair) -> Result<()> {
        let tables = self.statement_tables(&self.database());
        tables.open(&repair.table).await.map(drop)
    }
}
