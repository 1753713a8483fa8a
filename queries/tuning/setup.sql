-- The tables and keys of the examples: TPC-H at scale 0.01, with most of the keys and foreign keys of its specification, checked on
-- the data. Run it from the repository's root, with a lasting catalog to keep what it makes:
--     ostrich --catalog /tmp/tuning -f queries/tuning/setup.sql
CREATE EXTERNAL TABLE region STORED AS PARQUET LOCATION 'testdata/tpch/region.parquet';
CREATE EXTERNAL TABLE nation STORED AS PARQUET LOCATION 'testdata/tpch/nation.parquet';
CREATE EXTERNAL TABLE customer STORED AS PARQUET LOCATION 'testdata/tpch/customer.parquet';
CREATE EXTERNAL TABLE orders STORED AS PARQUET LOCATION 'testdata/tpch/orders.parquet';
CREATE EXTERNAL TABLE lineitem STORED AS PARQUET LOCATION 'testdata/tpch/lineitem.parquet';
CREATE EXTERNAL TABLE part STORED AS PARQUET LOCATION 'testdata/tpch/part.parquet';
CREATE EXTERNAL TABLE supplier STORED AS PARQUET LOCATION 'testdata/tpch/supplier.parquet';
CREATE EXTERNAL TABLE partsupp STORED AS PARQUET LOCATION 'testdata/tpch/partsupp.parquet';

ALTER TABLE region ADD CONSTRAINT region_pk PRIMARY KEY (r_regionkey) VALIDATE;
ALTER TABLE nation ADD CONSTRAINT nation_pk PRIMARY KEY (n_nationkey) VALIDATE;
ALTER TABLE customer ADD CONSTRAINT customer_pk PRIMARY KEY (c_custkey) VALIDATE;
ALTER TABLE orders ADD CONSTRAINT orders_pk PRIMARY KEY (o_orderkey) VALIDATE;
ALTER TABLE lineitem ADD CONSTRAINT lineitem_pk PRIMARY KEY (l_orderkey, l_linenumber) VALIDATE;
ALTER TABLE supplier ADD CONSTRAINT supplier_pk PRIMARY KEY (s_suppkey) VALIDATE;
ALTER TABLE partsupp ADD CONSTRAINT partsupp_pk PRIMARY KEY (ps_partkey, ps_suppkey) VALIDATE;
-- That of part is forgotten: see 06_missing_key.

ALTER TABLE nation ADD CONSTRAINT nation_region_fk FOREIGN KEY (n_regionkey) REFERENCES region (r_regionkey) VALIDATE;
ALTER TABLE customer ADD CONSTRAINT customer_nation_fk FOREIGN KEY (c_nationkey) REFERENCES nation (n_nationkey) VALIDATE;
ALTER TABLE supplier ADD CONSTRAINT supplier_nation_fk FOREIGN KEY (s_nationkey) REFERENCES nation (n_nationkey) VALIDATE;
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (o_custkey) REFERENCES customer (c_custkey) VALIDATE;
ALTER TABLE lineitem ADD CONSTRAINT lineitem_orders_fk FOREIGN KEY (l_orderkey) REFERENCES orders (o_orderkey) VALIDATE;
ALTER TABLE lineitem ADD CONSTRAINT lineitem_supplier_fk FOREIGN KEY (l_suppkey) REFERENCES supplier (s_suppkey) VALIDATE;

-- One wide view for everybody, as such teams have it: every report reads from it, and needs a few columns of it.
CREATE VIEW sales AS
SELECT
    l.l_orderkey AS order_id, l.l_linenumber AS line, l.l_quantity AS quantity,
    l.l_extendedprice * (1 - l.l_discount) AS revenue, l.l_shipdate AS shipped, l.l_returnflag AS return_flag,
    o.o_orderdate AS ordered, o.o_orderpriority AS priority,
    c.c_name AS customer, c.c_mktsegment AS segment,
    n.n_name AS nation, r.r_name AS region,
    s.s_name AS supplier, sn.n_name AS supplier_nation
FROM lineitem AS l
JOIN orders AS o ON o.o_orderkey = l.l_orderkey
JOIN customer AS c ON c.c_custkey = o.o_custkey
JOIN nation AS n ON n.n_nationkey = c.c_nationkey
JOIN region AS r ON r.r_regionkey = n.n_regionkey
JOIN supplier AS s ON s.s_suppkey = l.l_suppkey
JOIN nation AS sn ON sn.n_nationkey = s.s_nationkey;
