-- Turnover by segment, wrong for years: an order's total is added once for each of its lines. EXPLAIN TUNE: OST001.
SELECT c.c_mktsegment, sum(o.o_totalprice) AS turnover
FROM customer AS c
JOIN orders AS o ON o.o_custkey = c.c_custkey
JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey
GROUP BY c.c_mktsegment
ORDER BY c.c_mktsegment;
