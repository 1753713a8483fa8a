"""DuckDB's driver; see driver.py."""

import duckdb

from engines import driver


def open_engine(tables, threads):
    connection = duckdb.connect()
    if threads:
        connection.execute(f"SET threads = {threads}")
    for name, path in tables.items():
        quoted = path.replace("'", "''")
        connection.execute(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{quoted}')")
    return duckdb.__version__, lambda sql: connection.sql(sql).to_arrow_table()


driver.run(open_engine)
