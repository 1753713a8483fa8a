-- What it computes, said plainly. (What was meant is LEFT JOIN … ON o.o_custkey = c.c_custkey AND o.o_totalprice > 400000.)
SELECT c.c_custkey, c.c_name, o.o_orderkey
FROM customer AS c
JOIN orders AS o ON o.o_custkey = c.c_custkey
WHERE o.o_totalprice > 400000;
