-- What share of a region's market for one part type does a nation's suppliers hold, by year? (TPC-H Q8, National Market Share)
SELECT
    sale.o_year,
    sum(CASE WHEN sale.nation = 'BRAZIL' THEN sale.volume ELSE 0 END) / sum(sale.volume) AS mkt_share
FROM (
    SELECT
        extract(YEAR FROM o.o_orderdate) AS o_year,
        l.l_extendedprice * (1 - l.l_discount) AS volume,
        supp.n_name AS nation
    FROM
        part AS p,
        supplier AS s,
        lineitem AS l,
        orders AS o,
        customer AS c,
        nation AS cust,
        nation AS supp,
        region AS r
    WHERE p.p_partkey = l.l_partkey
      AND s.s_suppkey = l.l_suppkey
      AND l.l_orderkey = o.o_orderkey
      AND o.o_custkey = c.c_custkey
      AND c.c_nationkey = cust.n_nationkey
      AND cust.n_regionkey = r.r_regionkey
      AND s.s_nationkey = supp.n_nationkey
      AND r.r_name = 'AMERICA'
      AND o.o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
      AND p.p_type = 'ECONOMY ANODIZED STEEL'
) AS sale
GROUP BY sale.o_year
ORDER BY sale.o_year;
