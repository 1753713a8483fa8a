-- How many customers placed how many orders, those without any included? (TPC-H Q13, Customer Distribution)
SELECT
    per_customer.c_count,
    count(*) AS custdist
FROM (
    SELECT
        c.c_custkey,
        count(o.o_orderkey) AS c_count
    FROM customer AS c
    LEFT OUTER JOIN orders AS o
        ON c.c_custkey = o.o_custkey
        AND o.o_comment NOT LIKE '%special%requests%'
    GROUP BY c.c_custkey
) AS per_customer
GROUP BY per_customer.c_count
ORDER BY custdist DESC, per_customer.c_count DESC;
