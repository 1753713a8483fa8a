-- Which of the three tables are read?
SELECT o.id, o.amount
FROM orders o
  LEFT JOIN customer c ON o.customer_id = c.id
  JOIN product p ON o.product_id = p.id
WHERE o.amount > 5;
