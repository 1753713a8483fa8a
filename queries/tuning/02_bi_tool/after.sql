SELECT date_part('year', o_orderdate) AS "Order Year", sum(o_totalprice) AS "Total"
FROM orders
GROUP BY date_part('year', o_orderdate)
ORDER BY "Order Year";
