-- The results of checking constraints, with the files that they were found on.
--
-- Evidence goes by the constraint's name, not by its row: rows of constraints are written anew with each change of their
-- table. Whoever changes a constraint or takes it away deletes its evidence.

CREATE TABLE evidence (
    evidence_id INTEGER PRIMARY KEY,
    relation_id INTEGER NOT NULL REFERENCES relations (relation_id) ON DELETE CASCADE,
    constraint_name TEXT NOT NULL,
    -- Kind, columns with types, and how the files are read.
    subject TEXT NOT NULL,
    -- Microseconds since 1970, UTC.
    checked_at INTEGER NOT NULL,
    violations INTEGER NOT NULL,
    UNIQUE (relation_id, constraint_name)
) STRICT;

-- A list of files as JSON. Constraints that were checked on the same files share one.
CREATE TABLE file_sets (
    digest TEXT PRIMARY KEY,
    files TEXT NOT NULL
) STRICT;

CREATE TABLE evidence_files (
    evidence_id INTEGER NOT NULL REFERENCES evidence (evidence_id) ON DELETE CASCADE,
    -- 0: the table's own; 1: those of the table that a foreign key references.
    ordinal INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES file_sets (digest),
    PRIMARY KEY (evidence_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX evidence_files_by_digest ON evidence_files (digest);

CREATE TRIGGER unused_file_sets AFTER DELETE ON evidence_files
WHEN NOT EXISTS (SELECT 1 FROM evidence_files WHERE digest = OLD.digest)
BEGIN
    DELETE FROM file_sets WHERE digest = OLD.digest;
END;
