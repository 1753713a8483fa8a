-- Which orders had an expensive line? An order with three of them came three times, so somebody added DISTINCT. EXPLAIN TUNE: OST006, DISTINCT is
-- there only because lineitem multiplies orders.
SELECT DISTINCT o.o_orderkey, o.o_orderdate, o.o_orderpriority
FROM orders AS o
JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey
WHERE l.l_extendedprice > 50000;
