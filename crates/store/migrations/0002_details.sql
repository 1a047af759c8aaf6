-- Packuments, taken apart. Bytes: first a format tag, then as details.rs says.

-- How many packages have details, so that nobody has to count them.
ALTER TABLE counter ADD COLUMN details BIGINT NOT NULL DEFAULT 0;

-- observed_at: when the registry last said that this is so. latest: the version shown first. overview: history and that version's manifest.
CREATE TABLE details (
    package_id {id},
    observed_at BIGINT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    latest TEXT,
    overview {bytes} NOT NULL
);

-- The manifests of 32 neighbouring versions together, in the order of the history.
CREATE TABLE manifests (
    package_id BIGINT NOT NULL,
    block BIGINT NOT NULL,
    manifests {bytes} NOT NULL,
    PRIMARY KEY (package_id, block)
) {compact};

-- source and rendered are null where a version has no README. renderer stands before them, so that it is read without them.
CREATE TABLE readmes (
    package_id BIGINT NOT NULL,
    version {key} NOT NULL,
    renderer BIGINT NOT NULL,
    source {bytes},
    rendered {bytes},
    PRIMARY KEY (package_id, version)
);

-- Users whose packages the registry was asked for. total: how many the registry says there are. problem: why not all were listed.
CREATE TABLE users (
    name {key} PRIMARY KEY,
    asked_at BIGINT NOT NULL,
    total BIGINT,
    listed BIGINT NOT NULL,
    problem TEXT
) {compact};

-- Packages whose downloads grew most between the two newest snapshots. earlier, later: the counts.
CREATE TABLE rising (
    place {id},
    package_id BIGINT NOT NULL,
    earlier BIGINT NOT NULL,
    later BIGINT NOT NULL
);

-- Keys that this installation made for itself.
CREATE TABLE secrets (
    name {key} PRIMARY KEY,
    value {bytes} NOT NULL
) {compact};

-- So that looking for a job costs nothing when there is none.
CREATE INDEX jobs_waiting ON jobs (kind, id) WHERE state = 0;
CREATE INDEX users_asked_at ON users (asked_at);
