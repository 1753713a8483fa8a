SELECT "a text" AS x, a FROM n LATERAL VIEW explode(array(a)) e;
