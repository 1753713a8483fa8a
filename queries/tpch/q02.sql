-- Which supplier in a region offers each part of a size and type at the lowest cost? (TPC-H Q2, Minimum Cost Supplier)
SELECT
    s.s_acctbal,
    s.s_name,
    n.n_name,
    p.p_partkey,
    p.p_mfgr,
    s.s_address,
    s.s_phone,
    s.s_comment
FROM
    part AS p,
    supplier AS s,
    partsupp AS ps,
    nation AS n,
    region AS r
WHERE p.p_partkey = ps.ps_partkey
  AND s.s_suppkey = ps.ps_suppkey
  AND s.s_nationkey = n.n_nationkey
  AND n.n_regionkey = r.r_regionkey
  AND r.r_name = 'EUROPE'
  AND p.p_size = 15
  AND p.p_type LIKE '%BRASS'
  AND ps.ps_supplycost = (
        SELECT min(offer.ps_supplycost)
        FROM
            partsupp AS offer,
            supplier AS seller,
            nation AS home,
            region AS area
        WHERE offer.ps_partkey = p.p_partkey
          AND offer.ps_suppkey = seller.s_suppkey
          AND seller.s_nationkey = home.n_nationkey
          AND home.n_regionkey = area.r_regionkey
          AND area.r_name = 'EUROPE'
      )
ORDER BY s.s_acctbal DESC, n.n_name, s.s_name, p.p_partkey
LIMIT 100;
