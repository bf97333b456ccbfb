-- What a reader fills, and nothing else: it knows its format, and `ingest.py` makes the rest. Temporary tables: they
-- spill to the disk, and an ingest that ends early leaves nothing of them.
--
-- A reader gives each image a number of its own, `item`, by which its boxes name it. Classes are as in the source; the
-- reader has brought them to lists. Times are as in the source.

-- At most one row: what the source says of itself.
CREATE OR REPLACE TEMP TABLE staged_source (
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_datasets (
    dataset VARCHAR NOT NULL,
    storage_account VARCHAR,
    container VARCHAR,
    path_prefix VARCHAR,
    container_sas_key VARCHAR,
    access VARCHAR[],
    comment VARCHAR,
    properties JSON
);

-- What is said of a sequence as a whole. Not needed for a sequence of which nothing is said but its images.
CREATE OR REPLACE TEMP TABLE staged_sequences (
    dataset VARCHAR NOT NULL,
    seq_id VARCHAR NOT NULL,
    location JSON,
    class VARCHAR[],
    datetime VARCHAR,
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_images (
    item BIGINT NOT NULL,
    dataset VARCHAR NOT NULL,
    seq_id VARCHAR,                                    -- NULL: unknown; it is made of location and time
    location JSON,                                     -- a JSON string, number or object
    file VARCHAR NOT NULL,
    frame_num BIGINT,
    class VARCHAR[],
    datetime VARCHAR,
    width INTEGER,
    height INTEGER,
    uuid VARCHAR,
    annotated BOOLEAN NOT NULL DEFAULT false,
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_boxes (
    item BIGINT NOT NULL,
    box INTEGER NOT NULL,
    category VARCHAR NOT NULL,
    class VARCHAR,
    x_min DOUBLE NOT NULL,
    y_min DOUBLE NOT NULL,
    width DOUBLE NOT NULL,
    height DOUBLE NOT NULL,
    confidence DOUBLE,
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_videos (
    dataset VARCHAR NOT NULL,
    seq_id VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    class VARCHAR[],
    datetime VARCHAR,
    frame_rate DOUBLE,
    frames BIGINT,
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_classes (
    dataset VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    properties JSON
);

CREATE OR REPLACE TEMP TABLE staged_splits (
    dataset VARCHAR NOT NULL,
    location VARCHAR NOT NULL,
    split VARCHAR NOT NULL
);

CREATE OR REPLACE TEMP TABLE staged_split_entries (
    dataset VARCHAR NOT NULL,
    not_text VARCHAR[] NOT NULL,
    properties JSON
);

-- Images of other sources that the boxes belong to: `attach.sql`.
CREATE OR REPLACE TEMP TABLE attached_images (item BIGINT, image BIGINT);
