\i loop.sql
