-- DISTINCT to be on the safe side. EXPLAIN TUNE: DISTINCT is removed, since o_orderkey is the key of orders and the join with customer
-- finds one row for each order; customer is removed too.
SELECT DISTINCT o.o_orderkey, o.o_orderdate, o.o_totalprice
FROM orders AS o
JOIN customer AS c ON c.c_custkey = o.o_custkey
WHERE o.o_orderdate >= DATE '1998-07-01';
