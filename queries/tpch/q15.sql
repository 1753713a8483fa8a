-- Which supplier shipped the most revenue in a quarter? (TPC-H Q15, Top Supplier)
WITH revenue AS (
    SELECT
        l.l_suppkey AS supplier_no,
        sum(l.l_extendedprice * (1 - l.l_discount)) AS total_revenue
    FROM lineitem AS l
    WHERE l.l_shipdate >= DATE '1996-01-01'
      AND l.l_shipdate < DATE '1996-01-01' + INTERVAL '3' MONTH
    GROUP BY l.l_suppkey
)
SELECT
    s.s_suppkey,
    s.s_name,
    s.s_address,
    s.s_phone,
    rev.total_revenue
FROM
    supplier AS s,
    revenue AS rev
WHERE s.s_suppkey = rev.supplier_no
  AND rev.total_revenue = (SELECT max(best.total_revenue) FROM revenue AS best)
ORDER BY s.s_suppkey;
