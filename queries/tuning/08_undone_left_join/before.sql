-- All customers with their large orders, so it was meant. EXPLAIN TUNE: OST004, WHERE drops every customer without one: it is an inner join.
SELECT c.c_custkey, c.c_name, o.o_orderkey
FROM customer AS c
LEFT JOIN orders AS o ON o.o_custkey = c.c_custkey
WHERE o.o_totalprice > 400000;
