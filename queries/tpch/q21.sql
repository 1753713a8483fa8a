-- Which suppliers of a nation were the only late one on an order of several suppliers? (TPC-H Q21, Suppliers Who Kept Orders Waiting)
SELECT
    s.s_name,
    count(*) AS numwait
FROM
    supplier AS s,
    lineitem AS late,
    orders AS o,
    nation AS n
WHERE s.s_suppkey = late.l_suppkey
  AND o.o_orderkey = late.l_orderkey
  AND o.o_orderstatus = 'F'
  AND late.l_receiptdate > late.l_commitdate
  AND EXISTS (
        SELECT *
        FROM lineitem AS other
        WHERE other.l_orderkey = late.l_orderkey
          AND other.l_suppkey <> late.l_suppkey
      )
  AND NOT EXISTS (
        SELECT *
        FROM lineitem AS other_late
        WHERE other_late.l_orderkey = late.l_orderkey
          AND other_late.l_suppkey <> late.l_suppkey
          AND other_late.l_receiptdate > other_late.l_commitdate
      )
  AND s.s_nationkey = n.n_nationkey
  AND n.n_name = 'SAUDI ARABIA'
GROUP BY s.s_name
ORDER BY numwait DESC, s.s_name
LIMIT 100;
