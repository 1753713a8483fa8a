-- A nightly job compares a snapshot of customers with itself: once it was two snapshots, now both names lead to one table. EXPLAIN TUNE: base is
-- removed, it is the same row of the same files.
SELECT cur.c_custkey, cur.c_name, base.c_mktsegment, cur.c_acctbal - base.c_acctbal AS drift
FROM customer AS cur
JOIN customer AS base ON base.c_custkey = cur.c_custkey
WHERE base.c_acctbal < 0
ORDER BY cur.c_custkey;
