-- Which parts make up a notable share of the stock held in one nation? (TPC-H Q11, Important Stock Identification)
SELECT
    ps.ps_partkey,
    sum(ps.ps_supplycost * ps.ps_availqty) AS value
FROM
    partsupp AS ps,
    supplier AS s,
    nation AS n
WHERE ps.ps_suppkey = s.s_suppkey
  AND s.s_nationkey = n.n_nationkey
  AND n.n_name = 'GERMANY'
GROUP BY ps.ps_partkey
HAVING sum(ps.ps_supplycost * ps.ps_availqty) > (
        SELECT sum(held.ps_supplycost * held.ps_availqty) * 0.0001
        FROM
            partsupp AS held,
            supplier AS holder,
            nation AS home
        WHERE held.ps_suppkey = holder.s_suppkey
          AND holder.s_nationkey = home.n_nationkey
          AND home.n_name = 'GERMANY'
      )
ORDER BY value DESC;
