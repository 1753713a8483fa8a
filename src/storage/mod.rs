//! Urls to object stores, files to tables: where data lies and how it is read and written.
