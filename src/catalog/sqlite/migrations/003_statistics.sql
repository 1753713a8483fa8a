-- What ANALYZE found, folder by folder, and what the statistics of a table were taken from. Buckets of tables.

-- CLUSTERED BY, as JSON.
ALTER TABLE relations ADD COLUMN buckets TEXT;

ALTER TABLE table_statistics ADD COLUMN file_count INTEGER;
-- These three are there together, or not at all.
ALTER TABLE table_statistics ADD COLUMN digest TEXT;
ALTER TABLE table_statistics ADD COLUMN subject TEXT;
ALTER TABLE table_statistics ADD COLUMN analyzed_at INTEGER;
ALTER TABLE column_statistics ADD COLUMN type TEXT;

CREATE TABLE partition_statistics (
    partition_id INTEGER PRIMARY KEY,
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    -- Path below the table's location; empty for a table without partitions.
    folder TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES file_sets (digest),
    -- How the files are read.
    subject TEXT NOT NULL,
    row_count INTEGER,
    byte_count INTEGER NOT NULL,
    -- Microseconds since 1970, UTC.
    analyzed_at INTEGER NOT NULL,
    UNIQUE (relation_id, folder)
) STRICT;

CREATE INDEX partition_statistics_by_digest ON partition_statistics (digest);

CREATE TABLE partition_column_statistics (
    partition_id INTEGER NOT NULL REFERENCES partition_statistics (partition_id) ON DELETE CASCADE,
    column_name TEXT NOT NULL,
    type TEXT NOT NULL,
    null_count INTEGER NOT NULL,
    minimum TEXT,
    maximum TEXT,
    sketch BLOB NOT NULL,
    PRIMARY KEY (partition_id, column_name)
) STRICT;

-- A list of files goes with the last that needs it.
DROP TRIGGER unused_file_sets;

CREATE TRIGGER unused_file_sets_of_evidence AFTER DELETE ON evidence_files
WHEN NOT EXISTS (SELECT 1 FROM evidence_files WHERE digest = OLD.digest)
    AND NOT EXISTS (SELECT 1 FROM partition_statistics WHERE digest = OLD.digest)
BEGIN
    DELETE FROM file_sets WHERE digest = OLD.digest;
END;

CREATE TRIGGER unused_file_sets_of_statistics AFTER DELETE ON partition_statistics
WHEN NOT EXISTS (SELECT 1 FROM evidence_files WHERE digest = OLD.digest)
    AND NOT EXISTS (SELECT 1 FROM partition_statistics WHERE digest = OLD.digest)
BEGIN
    DELETE FROM file_sets WHERE digest = OLD.digest;
END;
