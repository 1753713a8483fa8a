CREATE TABLE n (a INT);
\i parts/shared.sql
source parts/hive.hql;
SELECT a, b FROM made;
SELECT ${day} AS day;
\i parts/nothere.sql
\nosuch
SELECT nosuch FROM n;
quit;
SELECT nothing is read here;
