SELECT * FROM (VALUES
  (1, 'a', 1.5, DATE '2026-01-01', true),
  (2, NULL, NULL, NULL, NULL),
  (3, '', -2.0, DATE '1969-12-31', false),
  (4, 'x,"y"|z', 0.25, DATE '2024-02-29', true),
  (5, '한국', 100.0, DATE '2026-12-31', true)
) t(id, name, price, day, ok)
ORDER BY id;
