SELECT c.c_mktsegment, sum(o.o_totalprice) AS turnover
FROM customer AS c
JOIN orders AS o ON o.o_custkey = c.c_custkey
GROUP BY c.c_mktsegment
ORDER BY c.c_mktsegment;
