SELECT x + 1 AS y FROM (VALUES (1), (2)) t(x);
