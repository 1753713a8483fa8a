-- Run it in this project's folder:  ostrich -f queries/example.sql
-- With another value:               ostrich -f queries/example.sql --var since=2026-06-01

SELECT DATE '${since}' AS since, 1 + 1 AS two;
