"""Reads tables of Ostrich's with Spark, and writes tables for Ostrich. Argument: the folder of both."""

import sys

from pyspark.sql import SparkSession

folder = sys.argv[1]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.warehouse.dir", f"{folder}/warehouse")
    .config("spark.hadoop.javax.jdo.option.ConnectionURL", f"jdbc:derby:;databaseName={folder}/metastore;create=true")
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")


def show(title, frame):
    print(f"== {title}")
    for row in frame.collect():
        values = ("~" if value is None else str(value) for value in row)
        print("|".join(value.lower() if value in ("True", "False") else value for value in values))


COLUMNS = """id, s, CAST(d AS STRING), CAST(ts AS STRING), CAST(dt AS STRING), f, b,
    arr[0], arr[1], st.a, st.b, m['k'], p, n"""

spark.read.parquet(f"{folder}/ours/parquet").createOrReplaceTempView("parquet_files")
show("parquet", spark.sql(f"SELECT {COLUMNS} FROM parquet_files ORDER BY id"))

spark.sql(f"""CREATE EXTERNAL TABLE ours_text (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, arr ARRAY<INT>, m MAP<STRING,INT>)
    PARTITIONED BY (p STRING) STORED AS TEXTFILE LOCATION '{folder}/ours/text'""")
spark.sql("MSCK REPAIR TABLE ours_text")
# Spark shows the folder for NULL as a text where a table has a SerDe, those that it wrote itself too.
show("text", spark.sql("""SELECT id, s, CAST(d AS STRING), CAST(ts AS STRING), arr[0], m['k'],
    NULLIF(p, '__HIVE_DEFAULT_PARTITION__') FROM ours_text ORDER BY id"""))

schema = "id INT, s STRING, arr ARRAY<INT>"
show("json", spark.read.schema(schema + ", p STRING").json(f"{folder}/ours/json").select("id", "s", "arr", "p").selectExpr(
    "id", "s", "arr[0]", "p").orderBy("id"))

spark.sql("""
    SELECT 1 AS id, 'plain' AS s, CAST(12.345 AS DECIMAL(12, 3)) AS d,
        TIMESTAMP '2026-01-31 12:34:56.789012' AS ts, DATE '2026-01-31' AS dt, CAST(1.5 AS DOUBLE) AS f, true AS b,
        array(1, 2) AS arr, named_struct('a', 1, 'b', 'x') AS st, map('k', 1) AS m, 'a/b:c%d=e f é한' AS p, 7 AS n
    UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    UNION ALL SELECT 3, 'plain', -0.001, TIMESTAMP '1969-12-31 23:59:59.5', DATE '1969-12-31', CAST(0.25 AS DOUBLE), false,
        array(3, NULL), named_struct('a', CAST(NULL AS INT), 'b', 'y'), map('j', 2), 'plain', -1
""").createOrReplaceTempView("theirs")
spark.table("theirs").write.partitionBy("p", "n").parquet(f"{folder}/theirs")
spark.sql(f"""CREATE EXTERNAL TABLE theirs_text (id INT, s STRING, d DECIMAL(12,3), ts TIMESTAMP, arr ARRAY<INT>, m MAP<STRING,INT>)
    PARTITIONED BY (p STRING) STORED AS TEXTFILE LOCATION '{folder}/theirs_text'""")
spark.sql("SET hive.exec.dynamic.partition.mode = nonstrict")
spark.sql("INSERT INTO theirs_text PARTITION (p) SELECT id, s, d, ts, arr, m, p FROM theirs")
spark.sql("SELECT id, s, arr, p FROM theirs").write.partitionBy("p").json(f"{folder}/theirs_json")
