"""Polars' driver; see driver.py."""

import os
import sys

# Read when Polars is loaded.
if "--threads" in sys.argv[:-1]:
    os.environ["POLARS_MAX_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import polars

from engines import driver


def open_engine(tables, threads):
    context = polars.SQLContext({name: polars.scan_parquet(path) for name, path in tables.items()})

    def execute(sql):
        for statement in driver.statements(sql):
            frame = context.execute(statement, eager=True)
        return frame.to_arrow()

    return polars.__version__, execute


driver.run(open_engine)
