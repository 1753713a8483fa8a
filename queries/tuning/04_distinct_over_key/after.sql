SELECT o_orderkey, o_orderdate, o_totalprice
FROM orders
WHERE o_orderdate >= DATE '1998-07-01';
