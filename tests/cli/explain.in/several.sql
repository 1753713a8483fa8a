CREATE VIEW big AS SELECT id FROM orders WHERE amount > 5;
SET ostrich.optimizer.disabled_rules = '';
SELECT count(*) FROM big;
