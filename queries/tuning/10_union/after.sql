SELECT 'customer' AS kind, c_custkey AS id, c_name AS name FROM customer
UNION ALL
SELECT 'supplier' AS kind, s_suppkey AS id, s_name AS name FROM supplier;
