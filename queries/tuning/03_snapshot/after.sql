SELECT c_custkey, c_name, c_mktsegment, c_acctbal - c_acctbal AS drift
FROM customer
WHERE c_acctbal < 0
ORDER BY c_custkey;
