CREATE TABLE customer (id INT, name VARCHAR, CONSTRAINT customer_pk PRIMARY KEY (id) RELY);
INSERT INTO customer VALUES (1, 'ann'), (2, 'bob');
CREATE TABLE orders (id INT, customer_id INT, product_id INT, amount INT);
INSERT INTO orders VALUES (1, 1, 7, 5), (2, 1, 8, 7), (3, NULL, 7, 9);
CREATE TABLE product (id INT, title VARCHAR);
INSERT INTO product VALUES (7, 'tea'), (8, 'milk');
CREATE VIEW wide AS
SELECT o.id, o.amount, c.name, p.title
FROM orders o
  LEFT JOIN customer c ON o.customer_id = c.id
  LEFT JOIN product p
    ON o.product_id = p.id;
CREATE TABLE liar (id INT, CONSTRAINT liar_pk PRIMARY KEY (id) RELY);
INSERT INTO liar VALUES (1), (1);
CREATE TABLE region (id INT, name VARCHAR, CONSTRAINT region_pk PRIMARY KEY (id) NORELY);
INSERT INTO region VALUES (1, 'north'), (2, 'south');
