-- What yearly revenue would be lost by refusing unusually small orders of a part kind? (TPC-H Q17, Small-Quantity-Order Revenue)
SELECT sum(l.l_extendedprice) / 7.0 AS avg_yearly
FROM
    lineitem AS l,
    part AS p
WHERE p.p_partkey = l.l_partkey
  AND p.p_brand = 'Brand#23'
  AND p.p_container = 'MED BOX'
  AND l.l_quantity < (
        SELECT 0.2 * avg(other.l_quantity)
        FROM lineitem AS other
        WHERE other.l_partkey = p.p_partkey
      );
