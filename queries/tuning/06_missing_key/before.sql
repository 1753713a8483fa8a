-- Part is joined and not read, but nobody has declared its key. EXPLAIN TUNE: part is removable if p_partkey is unique, with the statement to
-- paste.
SELECT l.l_shipmode, sum(l.l_quantity) AS quantity
FROM lineitem AS l
LEFT JOIN part AS p ON p.p_partkey = l.l_partkey
GROUP BY l.l_shipmode
ORDER BY l.l_shipmode;
