"""Reads tables of Ostrich's with DuckDB, and writes tables for Ostrich. Argument: the folder of both."""

import sys

import duckdb

folder = sys.argv[1]
connection = duckdb.connect()


def show(title, query):
    print(f"== {title}")
    for row in connection.execute(query).fetchall():
        values = ("~" if value is None else str(value) for value in row)
        print("|".join(value.lower() if value in ("True", "False") else value for value in values))


COLUMNS = """id, s, CAST(d AS VARCHAR), CAST(ts AS VARCHAR), CAST(dt AS VARCHAR), f, b,
    arr[1], arr[2], st.a, st.b, m['k'], p, CAST(n AS INTEGER)"""

show("parquet", f"""SELECT {COLUMNS}
    FROM read_parquet('{folder}/ours/parquet/**/*.parquet', hive_partitioning = true) ORDER BY id""")
show("text", f"""SELECT id, s, p FROM read_csv('{folder}/ours/text/p=*/*', delim = '\x01', quote = '', escape = '', nullstr = '\\N',
    header = false, columns = {{'id': 'INTEGER', 's': 'VARCHAR', 'd': 'VARCHAR', 'ts': 'VARCHAR', 'arr': 'VARCHAR', 'm': 'VARCHAR'}},
    hive_partitioning = true) ORDER BY id""")
show("json", f"""SELECT id, s, arr[1], p
    FROM read_json('{folder}/ours/json/p=*/*', format = 'newline_delimited',
    columns = {{'id': 'INTEGER', 's': 'VARCHAR', 'arr': 'INTEGER[]'}}, hive_partitioning = true) ORDER BY id""")

connection.execute(f"""
    CREATE TABLE theirs AS
    SELECT 1 AS id, 'plain' AS s, CAST(12.345 AS DECIMAL(12, 3)) AS d,
        TIMESTAMP '2026-01-31 12:34:56.789012' AS ts, DATE '2026-01-31' AS dt, 1.5::DOUBLE AS f, true AS b,
        [1, 2] AS arr, {{'a': 1, 'b': 'x'}} AS st, MAP {{'k': 1}} AS m, 'a/b:c%d=e f é한' AS p, 7 AS n
    UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    UNION ALL SELECT 3, 'plain', -0.001, TIMESTAMP '1969-12-31 23:59:59.5', DATE '1969-12-31', 0.25, false,
        [3, NULL], {{'a': NULL, 'b': 'y'}}, MAP {{'j': 2}}, 'plain', -1
""")
connection.execute(f"COPY theirs TO '{folder}/theirs' (FORMAT parquet, PARTITION_BY (p, n))")
