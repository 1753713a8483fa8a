-- Where do customers with a good balance live who never ordered anything? (TPC-H Q22, Global Sales Opportunity)
SELECT
    prospect.cntrycode,
    count(*) AS numcust,
    sum(prospect.c_acctbal) AS totacctbal
FROM (
    SELECT
        substring(c.c_phone FROM 1 FOR 2) AS cntrycode,
        c.c_acctbal
    FROM customer AS c
    WHERE substring(c.c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')
      AND c.c_acctbal > (
            SELECT avg(peer.c_acctbal)
            FROM customer AS peer
            WHERE peer.c_acctbal > 0.00
              AND substring(peer.c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')
          )
      AND NOT EXISTS (
            SELECT *
            FROM orders AS o
            WHERE o.o_custkey = c.c_custkey
          )
) AS prospect
GROUP BY prospect.cntrycode
ORDER BY prospect.cntrycode;
