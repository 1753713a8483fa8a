WITH returned AS (
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
