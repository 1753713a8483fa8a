\set day 20240131
CREATE TABLE made (a INT, b INT);
SELECT c FROM n;
exit;
SELECT nor here;
