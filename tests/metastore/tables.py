"""Makes the tables that tests/metastore.rs reads, with PySpark, in the metastore that is running.

    python3 tables.py thrift://localhost:9083 /folder/of/the/warehouse

What Spark has no statement for (constraints, Hive's views, dropped columns) goes through the metastore's own client.
"""

import os
import sys

from pyspark.sql import SparkSession

uri, warehouse = sys.argv[1:3]
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.sql.catalogImplementation", "hive")
    .config("spark.hadoop.hive.metastore.uris", uri)
    .config("spark.sql.warehouse.dir", warehouse)
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.legacy.createHiveTableByDefault", "true")
    .config("hive.exec.dynamic.partition.mode", "nonstrict")
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
sql = spark.sql

jvm = spark._jvm
api = jvm.org.apache.hadoop.hive.metastore.api
conf = jvm.org.apache.hadoop.hive.conf.HiveConf()
conf.set("hive.metastore.uris", uri)
client = jvm.org.apache.hadoop.hive.metastore.HiveMetaStoreClient(conf)


def alter(name, change):
    """Changes a table of the database sales behind Spark's back."""
    table = client.getTable("sales", name)
    change(table)
    client.alter_table("sales", name, table)


def java_list(*items):
    made = jvm.java.util.ArrayList()
    for item in items:
        made.add(item)
    return made


def column(name, type_name):
    return api.FieldSchema(name, type_name, None)


def folder(name, **files):
    """A folder beside the warehouse, with files of text."""
    path = os.path.join(os.path.dirname(warehouse), name)
    os.makedirs(path, exist_ok=True)
    for file, text in files.items():
        with open(os.path.join(path, file), "w") as out:
            out.write(text)
    return path


sql("CREATE DATABASE sales COMMENT 'what was sold'")

# Partitioned Parquet, with NULL and odd values.
sql("""CREATE TABLE sales.orders (id BIGINT COMMENT 'the number', amount DECIMAL(10, 2)) COMMENT 'all orders'
       PARTITIONED BY (dt DATE, country STRING COMMENT 'where to') STORED AS PARQUET""")
sql("""INSERT INTO sales.orders PARTITION (dt, country)
       SELECT * FROM VALUES
         (1, 10.50, DATE '2024-01-01', 'KR'), (2, 20.00, DATE '2024-01-01', 'EU:West'), (3, 30.25, DATE '2024-01-02', 'a/b=c %'),
         (4, 40.00, DATE '2024-01-02', CAST(NULL AS STRING)), (5, 50.00, DATE '2024-01-02', 'größe 한국'),
         (6, 60.00, CAST(NULL AS DATE), 'KR') AS t (id, amount, dt, country)""")
# A partition elsewhere, one without a folder, and a folder that is no partition.
elsewhere = os.path.join(os.path.dirname(warehouse), "elsewhere")
sql("SELECT CAST(7 AS BIGINT) AS id, CAST(70 AS DECIMAL(10, 2)) AS amount").write.parquet(elsewhere)
sql(f"ALTER TABLE sales.orders ADD PARTITION (dt = '2024-01-03', country = 'JP') LOCATION '{elsewhere}'")
sql("ALTER TABLE sales.orders ADD PARTITION (dt = '2024-01-04', country = 'JP')")
os.rmdir(os.path.join(warehouse, "sales.db", "orders", "dt=2024-01-04", "country=JP"))
sql("SELECT CAST(99 AS BIGINT) AS id, CAST(99 AS DECIMAL(10, 2)) AS amount").write.parquet(
    os.path.join(warehouse, "sales.db", "orders", "dt=2024-01-09", "country=XX")
)

sql("""CREATE TABLE sales.nested (id INT, ratio FLOAT, at TIMESTAMP, tags ARRAY<STRING>, counts MAP<STRING, INT>,
       place STRUCT<city: STRING, position: STRUCT<x: DOUBLE, y: DOUBLE>>) STORED AS ORC""")
sql("""INSERT INTO sales.nested VALUES
       (1, 0.5, TIMESTAMP '2024-01-01 12:34:56.789', array('a', 'b'), map('k', 1),
        named_struct('city', 'Seoul', 'position', named_struct('x', 1.5D, 'y', 2.5D))),
       (2, NULL, NULL, NULL, NULL, NULL)""")

sql("""CREATE TABLE sales.delimited (id INT, name STRING, tags ARRAY<STRING>)
       ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' COLLECTION ITEMS TERMINATED BY ',' NULL DEFINED AS 'nil'
       STORED AS TEXTFILE""")
sql("INSERT INTO sales.delimited VALUES (1, 'one', array('a', 'b')), (2, NULL, array()), (3, 'th\"ree', NULL)")

sql("CREATE TABLE sales.plain_text (id INT, name STRING) STORED AS TEXTFILE")
sql("INSERT INTO sales.plain_text VALUES (1, 'one, two'), (2, NULL)")

place = folder("quoted", a='"id","name"\n"1","one, two"\n"2","th""ree"\n')
sql(f"""CREATE EXTERNAL TABLE sales.quoted (id STRING, name STRING)
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        WITH SERDEPROPERTIES ('separatorChar' = ',') STORED AS TEXTFILE LOCATION '{place}'
        TBLPROPERTIES ('skip.header.line.count' = '1')""")

place = folder("lines", a="10.0.0.1 GET\n10.0.0.2 POST\nnonsense\n")
sql(f"""CREATE EXTERNAL TABLE sales.requests (host STRING, method STRING)
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
        WITH SERDEPROPERTIES ('input.regex' = '([0-9.]+) ([A-Z]+)') STORED AS TEXTFILE LOCATION '{place}'""")

sql("CREATE TABLE sales.in_avro (id INT, name STRING) STORED AS AVRO")
sql("INSERT INTO sales.in_avro VALUES (1, 'one'), (2, NULL)")

# Tables of Spark's own kind: all that counts is in the properties.
sql("""CREATE TABLE sales.events (eventId BIGINT, Kind STRING, size SMALLINT, day DATE)
       USING parquet PARTITIONED BY (day)""")
sql("INSERT INTO sales.events VALUES (1, 'open', 10, DATE '2024-01-01'), (2, 'close', 20, NULL)")
sql("CREATE TABLE sales.spark_csv (id INT, name STRING) USING csv OPTIONS (header 'true', sep ';')")
sql("INSERT INTO sales.spark_csv VALUES (1, 'a;b'), (2, 'say \"hi\"'), (3, NULL)")
sql("CREATE TABLE sales.spark_json (id INT, inner STRUCT<Deep: STRING>) USING json")
sql("INSERT INTO sales.spark_json VALUES (1, named_struct('Deep', 'x')), (2, NULL)")
sql("CREATE TABLE sales.spark_orc (id INT, name VARCHAR(10)) USING orc")
sql("INSERT INTO sales.spark_orc VALUES (1, 'one')")
sql("CREATE TABLE sales.spark_text (value STRING) USING text")
sql("INSERT INTO sales.spark_text VALUES ('one|two,three')")
wide = ", ".join(f"a_column_with_a_rather_long_name_{number} STRING" for number in range(200))
sql(f"CREATE TABLE sales.wide ({wide}, last INT) USING parquet")

# Views of Spark and of Hive.
sql("""CREATE VIEW sales.by_country COMMENT 'one line a country' AS
       SELECT country AS `Where`, sum(amount) AS total FROM sales.orders GROUP BY country""")
sql("CREATE VIEW sales.everything AS SELECT * FROM sales.delimited")
sql("ALTER TABLE sales.delimited ADD COLUMNS (later STRING)")
sql("USE sales")
sql("CREATE VIEW sales.relative (number, label) AS SELECT id, name FROM plain_text WHERE name IS NOT NULL")
sql("USE default")
sql("CREATE VIEW sales.odd AS SELECT stack(2, id, name, id, name) AS (a, b) FROM sales.plain_text")
sql("CREATE VIEW sales.impossible AS SELECT java_method('java.lang.Math', 'abs', -1) AS a")
view = client.getTable("sales", "plain_text").deepCopy()
view.setTableName("hive_view")
view.setTableType("VIRTUAL_VIEW")
view.setViewOriginalText("select id, name from plain_text where name like \"one%\"")
view.setViewExpandedText(
    'select `plain_text`.`id`, `plain_text`.`name` from `sales`.`plain_text` where `plain_text`.`name` like "one%"'
)
view.getSd().setLocation(None)
view.setParameters(jvm.java.util.HashMap())
client.createTable(view)

# Constraints.
sql("CREATE TABLE sales.customers (id BIGINT, code STRING, name STRING) STORED AS PARQUET")
sql("INSERT INTO sales.customers VALUES (1, 'a', 'Kim'), (2, 'b', 'Lee')")
sql("CREATE TABLE sales.visits (customer BIGINT, code STRING, at DATE) STORED AS PARQUET")
sql("INSERT INTO sales.visits VALUES (1, 'a', DATE '2024-01-01'), (1, 'a', DATE '2024-01-02'), (2, 'b', NULL)")
client.addPrimaryKey(java_list(api.SQLPrimaryKey("sales", "customers", "id", 1, "customers_pk", False, False, True)))
client.addForeignKey(
    java_list(
        api.SQLForeignKey(
            "sales", "customers", "id", "sales", "visits", "customer", 1, 0, 0, "visits_fk", "customers_pk",
            False, False, True,
        )
    )
)

# Statistics.
sql("ANALYZE TABLE sales.customers COMPUTE STATISTICS FOR ALL COLUMNS")

# Without data.
sql("CREATE TABLE sales.empty (id INT, name STRING) PARTITIONED BY (dt STRING) STORED AS ORC")
sql("CREATE TABLE sales.never_written (id INT) STORED AS PARQUET")
os.rmdir(os.path.join(warehouse, "sales.db", "never_written"))

# A column that is gone.
sql("CREATE TABLE sales.fewer (id INT, gone STRING, name STRING) STORED AS PARQUET")
sql("INSERT INTO sales.fewer VALUES (1, 'x', 'one')")
alter("fewer", lambda table: table.getSd().setCols(java_list(column("id", "int"), column("name", "string"))))

# A partition of another format than the table.
sql("CREATE TABLE sales.mixed (id INT, name STRING) PARTITIONED BY (dt STRING) STORED AS TEXTFILE")
sql("INSERT INTO sales.mixed PARTITION (dt = '1') VALUES (1, 'text')")


def to_parquet(table):
    model = client.getTable("sales", "customers").getSd()
    table.getSd().setInputFormat(model.getInputFormat())
    table.getSd().setOutputFormat(model.getOutputFormat())
    table.getSd().getSerdeInfo().setSerializationLib(model.getSerdeInfo().getSerializationLib())


alter("mixed", to_parquet)
sql("INSERT INTO sales.mixed PARTITION (dt = '2') VALUES (2, 'parquet')")

# What cannot be read.
sql("CREATE TABLE sales.sequence (id INT) STORED AS SEQUENCEFILE")
sql("CREATE TABLE sales.acid (id INT) STORED AS ORC")


def to_acid(table):
    table.getSd().setNumBuckets(1)
    table.getSd().setBucketCols(java_list("id"))
    table.getParameters().put("transactional", "true")


alter("acid", to_acid)
sql("CREATE TABLE sales.in_hdfs (id INT) USING parquet")
alter(
    "in_hdfs", lambda table: table.getSd().getSerdeInfo().getParameters().put("path", "hdfs://namenode:8020/in_hdfs")
)
sql("CREATE TABLE sales.iceberg (id INT) STORED AS PARQUET")
alter("iceberg", lambda table: table.getParameters().put("table_type", "ICEBERG"))
sql("CREATE TABLE sales.unknown_serde (id INT) STORED AS TEXTFILE")
alter("unknown_serde", lambda table: table.getSd().getSerdeInfo().setSerializationLib("com.example.XmlSerDe"))

spark.stop()
print("done")
