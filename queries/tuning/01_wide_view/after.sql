SELECT o.o_orderpriority AS priority, count(*) AS lines, sum(l.l_extendedprice * (1 - l.l_discount)) AS revenue
FROM lineitem AS l
JOIN orders AS o ON o.o_orderkey = l.l_orderkey
WHERE l.l_shipdate >= DATE '1998-09-01'
GROUP BY o.o_orderpriority
ORDER BY priority;
