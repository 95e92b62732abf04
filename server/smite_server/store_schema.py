"""The tables of the job store, and what makes each version of them from the one before."""

from __future__ import annotations

VERSION_1 = """
CREATE TABLE jobs (
    job TEXT PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    spec TEXT NOT NULL, resolved TEXT NOT NULL, key TEXT NOT NULL, ready INTEGER NOT NULL,
    state TEXT NOT NULL, stage TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    seconds_left REAL, error TEXT NOT NULL, message TEXT NOT NULL, created REAL NOT NULL,
    started REAL, finished REAL, server TEXT NOT NULL, client TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (server, state, number);
CREATE INDEX jobs_by_number ON jobs (number);
CREATE TABLE mattes (
    job TEXT NOT NULL, seq INTEGER NOT NULL, frame INTEGER NOT NULL, part TEXT NOT NULL,
    slug TEXT NOT NULL, path TEXT NOT NULL, relative TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
"""
VERSION_2 = """
ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE jobs ADD COLUMN rank REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN window INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT '';
UPDATE jobs SET rank = number;
CREATE UNIQUE INDEX mattes_once ON mattes (job, frame, slug);
"""
VERSION_3 = """
ALTER TABLE jobs ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET private = 1;
CREATE INDEX jobs_by_key ON jobs (key);
ALTER TABLE jobs ADD COLUMN ended_at REAL NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_end ON jobs (state, ended_at, number);
CREATE TABLE uptime (seconds REAL NOT NULL);
INSERT INTO uptime VALUES (0);
"""
# ``ended_at`` and ``uptime`` count the seconds that servers were up, which no wrong date changes.
# Nobody knows which servers of old jobs were private ones: none of those jobs is taken over.
STEPS = (VERSION_1, VERSION_2, VERSION_3)
"""What makes each version of the one before; a new file takes all steps."""
SCHEMA_VERSION = len(STEPS)
