-- The tables of catalog.duckdb. What MegaDB keeps as nested JSON lies in columns here; a property that has no column is
-- kept in `properties`, a JSON object, at the level on which it stands.
--
-- `sequence`, `image` and `video` are numbers that exist in this file only: they make joins cheap. What identifies a row
-- to the world is (dataset, seq_id) and (dataset, file); each ingest checks that these are unique, because an index over
-- hundreds of millions of names would cost more than the tables themselves.

CREATE TABLE ingests (
    ingest INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE CHECK (name <> ''),   -- an ingest of the same name replaces what this one brought
    format VARCHAR NOT NULL,
    source VARCHAR NOT NULL,                           -- path as it was given
    sha256 VARCHAR NOT NULL,                           -- of the source and the options: the same again changes nothing
    sequences BIGINT NOT NULL,
    images BIGINT NOT NULL,
    boxes BIGINT NOT NULL,
    ingested_at TIMESTAMP NOT NULL,                    -- UTC
    version VARCHAR NOT NULL,                          -- of Treeline
    properties JSON                                    -- what the source says of itself, such as `info` of a COCO file
);

CREATE TABLE datasets (
    dataset VARCHAR PRIMARY KEY CHECK (dataset <> ''),
    storage_account VARCHAR,
    container VARCHAR,
    path_prefix VARCHAR,
    container_sas_key VARCHAR,                         -- a secret
    access VARCHAR[],                                  -- 'public' among others; NULL where nothing is said
    comment VARCHAR,
    properties JSON,
    hoisted VARCHAR[] NOT NULL DEFAULT [],             -- properties that all sequences had alike and that stand here now
    ingest INTEGER                                     -- that described it first; NULL where sequences only name it
);

-- What each source says of a data set; `datasets` holds all of it together, of what two say differently the older.
CREATE TABLE descriptions (
    dataset VARCHAR NOT NULL,
    ingest INTEGER NOT NULL,
    storage_account VARCHAR,
    container VARCHAR,
    path_prefix VARCHAR,
    container_sas_key VARCHAR,                         -- a secret
    access VARCHAR[],
    comment VARCHAR,
    properties JSON,
    PRIMARY KEY (dataset, ingest)
);

CREATE TABLE sequences (
    sequence BIGINT NOT NULL,
    dataset VARCHAR NOT NULL,
    seq_id VARCHAR NOT NULL CHECK (seq_id <> ''),
    location VARCHAR,                                  -- text; one that is no text is in `properties` as it was
    class VARCHAR[],
    datetime VARCHAR,                                  -- as it was given
    time TIMESTAMP,                                    -- the same, local time; NULL where it is none
    properties JSON,
    hoisted VARCHAR[] NOT NULL DEFAULT [],             -- properties that all images had alike and that stand here now
    ingest INTEGER NOT NULL
);

CREATE TABLE images (
    image BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    file VARCHAR NOT NULL CHECK (file <> ''),
    frame_num BIGINT CHECK (frame_num >= 0),
    class VARCHAR[],
    datetime VARCHAR,
    time TIMESTAMP,
    width INTEGER CHECK (width > 0),                   -- pixels
    height INTEGER CHECK (height > 0),                 -- pixels
    uuid VARCHAR,                                      -- of the row of a shard that holds its pixels
    annotated BOOLEAN NOT NULL,                        -- somebody looked for boxes: without any, it is confirmed empty
    properties JSON,
    ingest INTEGER NOT NULL
);

CREATE TABLE boxes (
    image BIGINT NOT NULL,
    box INTEGER NOT NULL CHECK (box >= 0),             -- place among the image's boxes of one ingest
    category VARCHAR NOT NULL CHECK (category IN ('animal', 'person', 'vehicle', 'group')),
    class VARCHAR,                                     -- what it is more precisely
    x_min DOUBLE NOT NULL CHECK (x_min BETWEEN 0 AND 1),
    y_min DOUBLE NOT NULL CHECK (y_min BETWEEN 0 AND 1),
    width DOUBLE NOT NULL CHECK (width BETWEEN 0 AND 1),
    height DOUBLE NOT NULL CHECK (height BETWEEN 0 AND 1),
    confidence DOUBLE CHECK (confidence BETWEEN -1 AND 1), -- of a detector, below 0 where it was struck out; NULL: a person drew the box
    properties JSON,
    ingest INTEGER NOT NULL
);

CREATE TABLE videos (
    video BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    file VARCHAR NOT NULL CHECK (file <> ''),          -- name of the video's file
    class VARCHAR[],
    datetime VARCHAR,
    time TIMESTAMP,
    frame_rate DOUBLE,
    frames BIGINT,
    properties JSON,
    ingest INTEGER NOT NULL
);

CREATE TABLE classes (
    dataset VARCHAR NOT NULL,
    class VARCHAR NOT NULL CHECK (class <> ''),        -- the label
    properties JSON,                                   -- such as scientific_name and the ranks above it
    ingest INTEGER NOT NULL,
    PRIMARY KEY (dataset, class)
);

CREATE TABLE splits (
    dataset VARCHAR NOT NULL,
    location VARCHAR NOT NULL,
    split VARCHAR NOT NULL CHECK (split IN ('train', 'val', 'test')),
    PRIMARY KEY (dataset, location)
);

-- What a table of splits says of a data set beside its splits; that it has an entry, even one without a location.
CREATE TABLE split_entries (
    dataset VARCHAR PRIMARY KEY,
    not_text VARCHAR[] NOT NULL,                       -- locations that are numbers or objects: `splits` has their JSON
    properties JSON
);
