"""DataFusion's driver; see driver.py."""

import datafusion
import pyarrow

from engines import driver


def open_engine(tables, threads):
    config = datafusion.SessionConfig()
    if threads:
        config = config.with_target_partitions(threads)
    session = datafusion.SessionContext(config)
    for name, path in tables.items():
        # A folder is a table; a glob is not.
        session.register_parquet(name, path.removesuffix("*.parquet"))

    def execute(sql):
        for statement in driver.statements(sql):
            frame = session.sql(statement)
            batches = frame.collect()
        return pyarrow.Table.from_batches(batches, schema=None if batches else frame.schema())

    return datafusion.__version__, execute


driver.run(open_engine)
