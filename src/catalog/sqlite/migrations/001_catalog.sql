-- Databases, tables, views, constraints and statistics.
--
-- Locations inside the catalog's folder are relative to it. Types are SQL text. Flags are 0 or 1.

CREATE TABLE databases (
    database_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    comment TEXT,
    location TEXT,
    location_is_relative INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO databases (name) VALUES ('default');

-- Names that can stand in FROM. The columns from format on are for tables; views has the rest of a view.
CREATE TABLE relations (
    relation_id INTEGER PRIMARY KEY,
    database_id INTEGER NOT NULL REFERENCES databases (database_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('managed', 'external', 'view')),
    comment TEXT,
    format TEXT,
    location TEXT,
    location_is_relative INTEGER NOT NULL DEFAULT 0,
    -- 0: the partition columns are found from the names of folders.
    has_partition_columns INTEGER NOT NULL DEFAULT 0,
    UNIQUE (database_id, name),
    CHECK (kind = 'view' OR (format IS NOT NULL AND location IS NOT NULL))
) STRICT;

CREATE TABLE columns (
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    comment TEXT,
    is_partition INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (relation_id, ordinal),
    UNIQUE (relation_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE table_options (
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (relation_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE properties (
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (relation_id, name)
) STRICT, WITHOUT ROWID;

-- A foreign key names its table by database and name: that table may be dropped and made anew.
CREATE TABLE constraints (
    constraint_id INTEGER PRIMARY KEY,
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('primary key', 'unique', 'foreign key', 'not null')),
    referenced_database TEXT,
    referenced_name TEXT,
    enabled INTEGER NOT NULL,
    validate INTEGER NOT NULL,
    rely INTEGER NOT NULL,
    UNIQUE (relation_id, name),
    CHECK ((kind = 'foreign key') = (referenced_name IS NOT NULL)),
    CHECK ((referenced_name IS NULL) = (referenced_database IS NULL))
) STRICT;

CREATE INDEX constraints_by_referenced ON constraints (referenced_database, referenced_name);

CREATE TABLE constraint_columns (
    constraint_id INTEGER NOT NULL REFERENCES constraints (constraint_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    -- 1: a column of the referenced table.
    is_referenced INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    PRIMARY KEY (constraint_id, is_referenced, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE table_statistics (
    relation_id INTEGER PRIMARY KEY REFERENCES relations (relation_id) ON DELETE CASCADE,
    row_count INTEGER,
    byte_count INTEGER
) STRICT;

CREATE TABLE column_statistics (
    relation_id INTEGER NOT NULL REFERENCES table_statistics (relation_id) ON DELETE CASCADE,
    column_name TEXT NOT NULL,
    null_count INTEGER,
    distinct_count INTEGER,
    minimum TEXT,
    maximum TEXT,
    PRIMARY KEY (relation_id, column_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE views (
    relation_id INTEGER PRIMARY KEY REFERENCES relations (relation_id) ON DELETE CASCADE,
    sql TEXT NOT NULL,
    -- The database that was current when the view was made.
    current_database TEXT NOT NULL,
    dialect TEXT NOT NULL
) STRICT;

CREATE TABLE view_columns (
    relation_id INTEGER NOT NULL REFERENCES views (relation_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (relation_id, ordinal)
) STRICT, WITHOUT ROWID;
