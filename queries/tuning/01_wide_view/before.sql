-- A report on priorities, from the view that all reports use. EXPLAIN TUNE: orders is needed, its priority is read; customer, both
-- nations, region and supplier are removed, each by its foreign key and key.
SELECT priority, count(*) AS lines, sum(revenue) AS revenue
FROM sales
WHERE shipped >= DATE '1998-09-01'
GROUP BY priority
ORDER BY priority;
