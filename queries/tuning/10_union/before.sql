-- One list of all partners. EXPLAIN TUNE: OST005, kind tells the branches apart and each holds a key, so no row can be there twice.
SELECT 'customer' AS kind, c_custkey AS id, c_name AS name FROM customer
UNION
SELECT 'supplier' AS kind, s_suppkey AS id, s_name AS name FROM supplier;
