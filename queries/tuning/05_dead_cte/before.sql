-- Grown over the years: two of three steps are read by nobody. EXPLAIN TUNE: OST013 for ranked, and for late, which only ranked reads.
WITH late AS (
    SELECT l_orderkey, max(l_receiptdate) AS received
    FROM lineitem
    WHERE l_receiptdate > l_commitdate
    GROUP BY l_orderkey
),
ranked AS (
    SELECT l_orderkey, row_number() OVER (ORDER BY received DESC) AS place
    FROM late
),
returned AS (
    SELECT l_orderkey, sum(l_extendedprice) AS price
    FROM lineitem
    WHERE l_returnflag = 'R'
    GROUP BY l_orderkey
)
SELECT o.o_orderpriority, count(*) AS orders, sum(r.price) AS price
FROM orders AS o
JOIN returned AS r ON r.l_orderkey = o.o_orderkey
GROUP BY o.o_orderpriority
ORDER BY o.o_orderpriority;
