-- Which customers placed orders of an exceptionally large quantity? (TPC-H Q18, Large Volume Customer)
SELECT
    c.c_name,
    c.c_custkey,
    o.o_orderkey,
    o.o_orderdate,
    o.o_totalprice,
    sum(l.l_quantity) AS "sum(l_quantity)"
FROM
    customer AS c,
    orders AS o,
    lineitem AS l
WHERE o.o_orderkey IN (
        SELECT large.l_orderkey
        FROM lineitem AS large
        GROUP BY large.l_orderkey
        HAVING sum(large.l_quantity) > 300
      )
  AND c.c_custkey = o.o_custkey
  AND o.o_orderkey = l.l_orderkey
GROUP BY c.c_name, c.c_custkey, o.o_orderkey, o.o_orderdate, o.o_totalprice
ORDER BY o.o_totalprice DESC, o.o_orderdate
LIMIT 100;
