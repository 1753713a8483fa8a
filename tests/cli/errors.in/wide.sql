SELECT 한국,
  custmer_id
FROM (SELECT 1 AS 한국, 2 AS customer_id) t;
