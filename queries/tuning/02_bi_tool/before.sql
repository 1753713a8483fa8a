-- As a BI tool writes it: it joins all of its model with LEFT JOIN, orders the inner query, and filters with 1 = 1. EXPLAIN TUNE: customer,
-- nation and region are removed; OST012, the inner order is lost in the grouping.
SELECT "t"."Order Year" AS "Order Year", sum("t"."Total") AS "Total"
FROM (
    SELECT
        date_part('year', "Orders"."o_orderdate") AS "Order Year", "Orders"."o_totalprice" AS "Total",
        "Customers"."c_name" AS "Customer", "Regions"."r_name" AS "Region"
    FROM "orders" AS "Orders"
    LEFT JOIN "customer" AS "Customers" ON "Orders"."o_custkey" = "Customers"."c_custkey"
    LEFT JOIN "nation" AS "Nations" ON "Customers"."c_nationkey" = "Nations"."n_nationkey"
    LEFT JOIN "region" AS "Regions" ON "Nations"."n_regionkey" = "Regions"."r_regionkey"
    WHERE 1 = 1
    ORDER BY "Orders"."o_orderdate"
) AS "t"
GROUP BY "t"."Order Year"
ORDER BY "Order Year";
