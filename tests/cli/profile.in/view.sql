CREATE VIEW v AS SELECT country, count(*) AS n FROM 'shop/customers.csv' GROUP BY country;
\profile v --emit-ddl
