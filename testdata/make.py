#!/usr/bin/env python3
"""Makes everything in testdata/ except this file and the README.

How to run it, from the root of the repository:

    python3 -m venv .venv
    .venv/bin/pip install duckdb==2.0.1 pyarrow==26.0.1 fastavro==1.13.1 tpcgen-cli==4.0.0
    .venv/bin/python testdata/make.py              # everything
    .venv/bin/python testdata/make.py events tpch  # only these folders

Nothing is random: with the versions above, a second run writes the same bytes. Tests rely on the content, so after
a change here look at `git diff --stat testdata` and at the numbers in README.md.
"""

import bz2
import datetime as dt
import gzip
import json
import shutil
import struct
import subprocess
import sys
import zlib
from decimal import Decimal
from pathlib import Path

import duckdb
import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent

TPCH_TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


def main():
    makers = {
        "tpch": make_tpch,
        "tpch-csv": make_tpch_csv,
        "events": make_events,
        "hive_text": make_hive_text,
        "formats": make_formats,
        "broken": make_broken,
    }
    for name in sys.argv[1:] or makers:
        if name not in makers:
            sys.exit(f"no such folder: {name} (there are {', '.join(makers)})")
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        makers[name](folder)
        files = [f for f in folder.rglob("*") if f.is_file()]
        print(f"{name}: {len(files)} files, {sum(f.stat().st_size for f in files):,} bytes")


# --- TPC-H -----------------------------------------------------------------------------------------------------------


def make_tpch(folder):
    """TPC-H at scale 0.01, one Parquet file a table. The small row groups give the larger tables several of them."""
    beside_python = Path(sys.executable).with_name("tpcgen-cli")
    tpcgen = beside_python if beside_python.exists() else "tpcgen-cli"
    subprocess.run(
        [tpcgen, "tpch", "parquet", "--scale-factor=0.01", "--compression=ZSTD(9)", "--row-group-bytes=500KB"]
        + ["--num-threads=1", "--quiet", f"--output-dir={folder}"],
        check=True,
    )


def make_tpch_csv(folder):
    """The rows of tpch/ in the same order. lineitem is gzipped to keep the repository small."""
    db = duckdb.connect()
    db.execute("SET threads = 1")
    for table in TPCH_TABLES:
        target = folder / f"{table}.csv"
        db.execute(f"COPY (FROM '{HERE}/tpch/{table}.parquet') TO '{target}' (FORMAT csv, HEADER)")
        if table == "lineitem":
            Path(f"{target}.gz").write_bytes(gzip.compress(target.read_bytes(), mtime=0))
            target.unlink()


# --- events: a hive-partitioned table --------------------------------------------------------------------------------

EVENTS_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("ts", pa.timestamp("us")),
        ("user_name", pa.string()),
        ("amount", pa.decimal128(10, 2)),
        ("tags", pa.list_(pa.string())),
    ]
)

# Folder of the country, day of January 2026, rows of each file in the partition.
EVENT_PARTITIONS = [
    ("KR", 1, [30, 20]),
    ("KR", 2, [40]),
    ("KR", 3, [25]),
    ("US", 1, [35]),
    ("US", 2, [30]),
    ("DE", 2, [24]),
    ("EU%3AWest", 3, [28]),  # the value is EU:West; Hive escapes the colon
    ("__HIVE_DEFAULT_PARTITION__", 3, [20]),  # the value is NULL
]


def make_events(folder):
    next_id = 1
    for country, day, sizes in EVENT_PARTITIONS:
        partition = folder / f"country={country}" / f"dt=2026-01-{day:02}"
        partition.mkdir(parents=True)
        for number, size in enumerate(sizes):
            rows = [event(id, day) for id in range(next_id, next_id + size)]
            next_id += size
            table = pa.Table.from_pylist(rows, schema=EVENTS_SCHEMA)
            pq.write_table(table, partition / f"part-{number}.parquet", compression="zstd")

    # What a Hadoop job leaves lying between the data; a reader must pass over both.
    (folder / "_SUCCESS").touch()
    part = folder / "country=KR" / "dt=2026-01-01" / "part-0.parquet"
    part.with_name(".part-0.parquet.crc").write_bytes(hadoop_checksums(part.read_bytes()))


def event(id, day):
    names = ["mina", "joon", "Zoë", "o'brien", "김하나", "lee, sun", None]
    tags = [["web"], ["web", "mobile"], [], None, ["sale", None, "web"]]
    return {
        "id": id,
        "ts": None if id % 41 == 0 else dt.datetime(2026, 1, day, id * 7 % 24, id * 13 % 60, id * 29 % 60, id * 1001),
        "user_name": names[id % len(names)],
        "amount": None if id % 17 == 0 else Decimal(id * 7919 % 100_000 - 20_000) / 100,
        "tags": tags[id % len(tags)],
    }


def hadoop_checksums(content, chunk=512):
    """The .crc file that Hadoop's local file system keeps: a magic, the chunk size, and a CRC-32 for each chunk."""
    starts = range(0, len(content), chunk)
    sums = [zlib.crc32(content[start : start + chunk]) for start in starts]
    return b"crc\0" + struct.pack(">i", chunk) + struct.pack(f">{len(sums)}I", *sums)


# --- hive_text: tables as LazySimpleSerDe writes them ----------------------------------------------------------------

HIVE_README = """\
Tables as Hive's default text format writes them (LazySimpleSerDe): a line per row, no header, fields separated by
`\\x01`, items of an array or map and fields of a struct by `\\x02`, a map's key from its value by `\\x03`, NULL as `\\N`.

- `users`: `user_id int, name string, joined date, score double, langs array<string>, settings map<string,string>`
- `page_views`: `view_id bigint, user_id int, url string, viewed_at timestamp, seconds decimal(6,2), device struct<kind:string,width:int>`
"""

HIVE_USERS = [
    (1, "mina", "2024-03-01", 81.5, ["ko", "en"], {"theme": "dark", "page": "50"}),
    (2, "joon", "2024-03-15", None, ["ko"], {"theme": "light"}),
    (3, "Zoë", None, 64.25, [], {}),  # an empty array and an empty map are empty fields
    (4, None, "2025-01-31", 90.0, None, None),
    (5, "", "2025-02-28", -1.5, ["de", None, ""], {"theme": None, "page": ""}),
    (6, 'say "hi", now', "2025-12-31", 1e-3, ["en"], {"url": "http://a.example/?x=1:2"}),
]

HIVE_PAGE_VIEWS = [
    (1001, 1, "/", "2026-01-01 08:00:00", "12.50", ["phone", 390]),
    (1002, 1, "/cart?item=7,8", "2026-01-01 08:01:30.25", "3.00", ["phone", 390]),
    (1003, 2, "/", "2026-01-01 23:59:59.999999", None, ["desktop", 1920]),
    (1004, None, "/help", "2026-01-02 00:00:00", "0.05", ["tablet", None]),
    (1005, 9, "/", None, "9999.99", None),  # no such user
    (1006, 5, "", "2026-01-02 10:30:00", "-1.00", [None, None]),
    (1007, 3, None, "2026-01-03 11:11:11", "47.11", ["desktop", 1280]),
    (1008, 1, "/bye", "2026-01-03 12:00:00", "1.00", ["phone", 390]),
]


def make_hive_text(folder):
    (folder / "README.md").write_text(HIVE_README)
    write_hive_text(folder / "users", HIVE_USERS)
    write_hive_text(folder / "page_views", HIVE_PAGE_VIEWS)


def write_hive_text(folder, rows):
    folder.mkdir()
    lines = ["\x01".join(hive_field(value) for value in row) + "\n" for row in rows]
    (folder / "000000_0").write_text("".join(lines), encoding="utf-8")  # the name of Hive's first output file


def hive_field(value):
    if value is None:
        return "\\N"
    if isinstance(value, list):
        return "\x02".join(hive_field(item) for item in value)
    if isinstance(value, dict):
        return "\x02".join(f"{hive_field(key)}\x03{hive_field(item)}" for key, item in value.items())
    return str(value)


# --- formats: one tiny table in every format -------------------------------------------------------------------------

TINY_SCHEMA = pa.schema([("id", pa.int32()), ("name", pa.string()), ("price", pa.float64()), ("day", pa.date32())])

TINY_ROWS = [
    {"id": 1, "name": "ostrich", "price": 1.5, "day": dt.date(2026, 1, 1)},
    {"id": 2, "name": None, "price": 20.25, "day": dt.date(2026, 1, 2)},
    {"id": 3, "name": "", "price": 0.0, "day": dt.date(2024, 2, 29)},
    {"id": 4, "name": 'comma, "quote"', "price": -3.75, "day": dt.date(1969, 12, 31)},
    {"id": 5, "name": "타조", "price": 12345.678, "day": dt.date(2026, 12, 31)},
]


def make_formats(folder):
    csv = separated_text(TINY_ROWS, ",").encode()
    tsv = separated_text(TINY_ROWS, "\t").encode()
    objects = [json.dumps(row, default=str, ensure_ascii=False) for row in TINY_ROWS]
    jsonl = "".join(f"{text}\n" for text in objects).encode()

    (folder / "tiny.csv").write_bytes(csv)
    (folder / "tiny.tsv").write_bytes(tsv)
    (folder / "tiny.jsonl").write_bytes(jsonl)
    (folder / "tiny.json").write_text("[\n  " + ",\n  ".join(objects) + "\n]\n", encoding="utf-8")
    (folder / "tiny.csv.gz").write_bytes(gzip.compress(csv, mtime=0))
    (folder / "tiny.csv.bz2").write_bytes(bz2.compress(csv))
    with pa.CompressedOutputStream(str(folder / "tiny.csv.zst"), "zstd") as file:
        file.write(csv)
    (folder / "tiny.jsonl.gz").write_bytes(gzip.compress(jsonl, mtime=0))

    table = pa.Table.from_pylist(TINY_ROWS, schema=TINY_SCHEMA)
    pq.write_table(table, folder / "tiny.parquet")
    with pa.ipc.new_file(folder / "tiny.arrow", TINY_SCHEMA) as writer:
        writer.write_table(table)
    write_avro(folder / "tiny.avro")


def separated_text(rows, separator):
    """A header and the rows. NULL is an empty field, the empty string is ""."""

    def field(value):
        if value is None:
            return ""
        text = str(value)
        if text == "" or '"' in text or separator in text:
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [separator.join(rows[0])] + [separator.join(field(value) for value in row.values()) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def write_avro(path):
    schema = fastavro.parse_schema(
        {
            "type": "record",
            "name": "tiny",
            "fields": [
                {"name": "id", "type": "int"},
                {"name": "name", "type": ["null", "string"]},
                {"name": "price", "type": "double"},
                {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            ],
        }
    )
    with path.open("wb") as file:
        fastavro.writer(file, schema, TINY_ROWS, codec="deflate", sync_marker=b"ostrich-testdata")


# --- broken: what a reader must refuse with a clear message, or must cope with ---------------------------------------


def make_broken(folder):
    (folder / "empty.csv").touch()
    (folder / "empty.parquet").touch()
    (folder / "not_parquet.parquet").write_text("This is a text file that someone gave the wrong name.\n")

    whole = (HERE / "tpch" / "nation.parquet").read_bytes()
    (folder / "truncated.parquet").write_bytes(whole[: len(whole) // 2])

    (folder / "ragged.csv").write_text("id,name,price\n1,one,1.5\n2,two\n3,three,3.5,extra\n4,four,4.5\n")
    (folder / "invalid_utf8.csv").write_bytes(b"id,name\n1,plain\n2,caf\xe9\n3,\xff\xfe\n4,plain again\n")
    (folder / "bad.jsonl").write_text(
        '{"id": 1, "name": "one"}\n{"id": 2, "name": "two"}\n{"id": 3, "name": \n{"id": 4, "name": "four"}\n'
    )

    # One table's files whose column types have nothing in common ...
    write_pair(
        folder / "types_a_b",
        pa.table({"x": pa.array([1, 2, 3], pa.int32())}),
        pa.table({"x": pa.array(["one", "two", "three"], pa.string())}),
    )
    # ... and whose columns differ but fit: x widens to bigint, y and z are NULL where a file lacks them.
    write_pair(
        folder / "widen",
        pa.table({"x": pa.array([1, 2, None], pa.int32()), "y": pa.array(["a", None, "c"], pa.string())}),
        pa.table({"x": pa.array([4, 5_000_000_000], pa.int64()), "z": pa.array([0.5, None], pa.float64())}),
    )


def write_pair(folder, a, b):
    folder.mkdir()
    pq.write_table(a, folder / "a.parquet")
    pq.write_table(b, folder / "b.parquet")


if __name__ == "__main__":
    main()
