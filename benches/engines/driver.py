"""What the drivers of the engines share: one process, one query file a line in, one line of JSON a query out.

Run from the folder above as `python -m engines.duckdb --data DIR`. Standard output starts with {"version": "…"};
then every path on standard input is answered by

    {"query": "…/q01.sql", "elapsed_ms": 41.3, "rows": 4, "checksum": "0123456789abcdef", "error": null}

`elapsed_ms` is from the text to the last row in memory, as Arrow. `checksum` does not depend on the order of rows, and
is computed outside that time, only for a file's first run; later runs have null.
"""

import argparse
import datetime
import decimal
import json
import pathlib
import sys
import time

NUMERIC = frozenset("0123456789+-.eE")


def run(open_engine):
    """Answers queries with the engine that `open_engine(tables, threads)` returns as (version, sql -> Arrow table)."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", required=True, type=pathlib.Path)
    arguments.add_argument("--threads", type=int)
    options = arguments.parse_args()
    version, execute = open_engine(dict(tables_in(options.data)), options.threads)
    answer({"version": version})
    seen = set()
    for line in sys.stdin:
        path = line.strip()
        answer({"query": path, **timed(execute, path, path not in seen)})
        seen.add(path)


def tables_in(folder):
    """The tables in a folder: name and a path, or a glob, of Parquet files."""
    for entry in sorted(folder.iterdir()):
        if entry.suffix == ".parquet":
            yield entry.stem, str(entry)
        elif entry.is_dir() and any(entry.glob("*.parquet")):
            yield entry.name, str(entry / "*.parquet")


def timed(execute, path, wants_checksum):
    result = {"elapsed_ms": None, "rows": None, "checksum": None, "error": None}
    try:
        sql = pathlib.Path(path).read_text(encoding="utf-8")
        start = time.perf_counter()
        table = execute(sql)
        result["elapsed_ms"] = (time.perf_counter() - start) * 1000
        result["rows"] = table.num_rows
        if wants_checksum:
            result["checksum"] = f"{checksum(table):016x}"
    # Engines have their own exception types, one even a BaseException; a failed query must not end the process.
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        result["error"] = " ".join(str(error).split())[:500] or type(error).__name__
    return result


def statements(sql):
    """The statements of a text in which a `;` at a line's end ends a statement."""
    parts = [part.strip() for part in f"{sql}\n".split(";\n")]
    return [part for part in parts if part]


def checksum(table):
    """The sum of the rows' FNV-1a hashes, of cells as text with two decimals: engines differ in types and last digits."""
    total = 0
    for row in zip(*(column.to_pylist() for column in table.columns)):
        value = 0xCBF29CE484222325
        for byte in "\x1f".join(map(cell, row)).encode():
            value = ((value ^ byte) * 0x100000001B3) % 2**64
        total += value
    return total % 2**64


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, decimal.Decimal)):
        return number(float(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    text = str(value).rstrip(" ")
    if text and NUMERIC.issuperset(text):
        try:
            return number(float(text))
        except ValueError:
            pass
    return text


def number(value):
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def answer(message):
    print(json.dumps(message), flush=True)
