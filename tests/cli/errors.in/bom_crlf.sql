SELECT 1 AS a;
SELECT nosuch
FROM (SELECT 1 AS x) t;
