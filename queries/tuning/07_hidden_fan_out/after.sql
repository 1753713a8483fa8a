SELECT o.o_orderkey, o.o_orderdate, o.o_orderpriority
FROM orders AS o
WHERE EXISTS (SELECT 1 FROM lineitem AS l WHERE l.l_orderkey = o.o_orderkey AND l.l_extendedprice > 50000);
