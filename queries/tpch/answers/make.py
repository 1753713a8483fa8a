#!/usr/bin/env python3
"""Computes the expected results of queries/tpch on testdata/tpch with DuckDB, into the folder of this file.

    python3 -m venv .venv
    .venv/bin/pip install duckdb==2.0.1
    .venv/bin/python queries/tpch/answers/make.py [DATA [OUT]]

DATA is a folder with one Parquet file a table (testdata/tpch unless given), OUT the folder for the results.
"""

import sys
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
QUERIES = HERE.parent
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


def main():
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else QUERIES.parents[1] / "testdata" / "tpch"
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE
    out.mkdir(parents=True, exist_ok=True)

    db = duckdb.connect()
    db.execute("SET threads = 1")  # sums of floating-point numbers come out the same in every run
    for table in TABLES:
        db.execute(f"CREATE VIEW {table} AS FROM '{data}/{table}.parquet'")

    for query in sorted(QUERIES.glob("q*.sql")):
        result = db.execute(query.read_text())
        header = [column[0] for column in result.description]
        lines = ["|".join(map(as_text, row)) for row in [header, *result.fetchall()]]
        (out / f"{query.stem}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def as_text(value):
    text = "NULL" if value is None else str(value)
    assert not set(text) & set('|"\r\n'), f"needs quoting: {text!r}"  # no value of TPC-H does
    return text


if __name__ == "__main__":
    main()
