-- What is the value of goods shipped between two nations, by direction and year? (TPC-H Q7, Volume Shipping)
SELECT
    shipping.supp_nation,
    shipping.cust_nation,
    shipping.l_year,
    sum(shipping.volume) AS revenue
FROM (
    SELECT
        supp.n_name AS supp_nation,
        cust.n_name AS cust_nation,
        extract(YEAR FROM l.l_shipdate) AS l_year,
        l.l_extendedprice * (1 - l.l_discount) AS volume
    FROM
        supplier AS s,
        lineitem AS l,
        orders AS o,
        customer AS c,
        nation AS supp,
        nation AS cust
    WHERE s.s_suppkey = l.l_suppkey
      AND o.o_orderkey = l.l_orderkey
      AND c.c_custkey = o.o_custkey
      AND s.s_nationkey = supp.n_nationkey
      AND c.c_nationkey = cust.n_nationkey
      AND (
            (supp.n_name = 'FRANCE' AND cust.n_name = 'GERMANY')
            OR (supp.n_name = 'GERMANY' AND cust.n_name = 'FRANCE')
          )
      AND l.l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
) AS shipping
GROUP BY shipping.supp_nation, shipping.cust_nation, shipping.l_year
ORDER BY shipping.supp_nation, shipping.cust_nation, shipping.l_year;
