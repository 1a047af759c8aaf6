-- One text for SQLite and PostgreSQL. Placeholders, filled in by lib.rs: {id} a 64-bit primary key, {key} a text compared byte by byte,
-- {bytes} a binary column, {compact} rows stored in the primary key's own tree where the database can.
-- Times are seconds since 1970, UTC.

-- The one clock: a transaction takes a block of numbers here and gives one to every row it changes. The row lock makes commit order
-- number order, so whoever tails the numbers skips nothing.
-- packages: how many there are, so that nobody has to count millions. next_id: ids are given once, also after a removal.
CREATE TABLE counter (n BIGINT NOT NULL, packages BIGINT NOT NULL, next_id BIGINT NOT NULL);
INSERT INTO counter (n, packages, next_id) VALUES (0, 0, 1);

-- source: 1 data set, 2 search hit, 3 packument. state: 0 active, 1 unpublished, 2 security holding.
CREATE TABLE packages (
    id {id},
    name {key} NOT NULL UNIQUE,
    repository TEXT,
    source BIGINT NOT NULL,
    observed_at BIGINT NOT NULL,
    state BIGINT NOT NULL,
    change_seq BIGINT NOT NULL
);
CREATE UNIQUE INDEX packages_change_seq ON packages (change_seq);

-- Names that were removed, so that the index hears of it.
CREATE TABLE tombstones (
    name {key} PRIMARY KEY,
    removed_at BIGINT NOT NULL,
    change_seq BIGINT NOT NULL
) {compact};
CREATE UNIQUE INDEX tombstones_change_seq ON tombstones (change_seq);

-- What a search result shows. keywords: a JSON array of texts.
CREATE TABLE summaries (
    package_id {id},
    version TEXT,
    published_at BIGINT,
    description TEXT,
    keywords TEXT,
    license TEXT,
    homepage TEXT,
    bugs TEXT,
    publisher TEXT,
    deprecated TEXT
);

CREATE TABLE maintainers (
    username {key} NOT NULL,
    package_id BIGINT NOT NULL,
    place BIGINT NOT NULL,
    PRIMARY KEY (username, package_id)
) {compact};
CREATE INDEX maintainers_package_id ON maintainers (package_id);

-- Recent downloads that came with a search hit. Volatile: a change here alone takes no number from the counter.
CREATE TABLE package_stats (
    package_id {id},
    weekly BIGINT,
    monthly BIGINT,
    observed_at BIGINT NOT NULL
);

-- Monthly counts of all packages from one data set. as_of: the end of the month that was counted.
CREATE TABLE snapshots (
    id {id},
    month TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    as_of BIGINT NOT NULL,
    packages BIGINT NOT NULL,
    total BIGINT NOT NULL,
    complete BIGINT NOT NULL
);
-- The counts of 512 neighbouring ids together: first byte a format tag, then as snapshots.rs says.
CREATE TABLE snapshot_blocks (
    snapshot_id BIGINT NOT NULL,
    block BIGINT NOT NULL,
    counts {bytes} NOT NULL,
    PRIMARY KEY (snapshot_id, block)
) {compact};

-- Packages on the list of npm-high-impact, 0 the first.
CREATE TABLE high_impact (
    package_id {id},
    place BIGINT NOT NULL
);

-- Packages that a list of names has and an older one has not.
CREATE TABLE appearances (
    package_id {id},
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL
);

-- Which version of which data set has been read to its end.
CREATE TABLE data_sets (
    name {key} NOT NULL,
    version {key} NOT NULL,
    integrity TEXT NOT NULL,
    published_at BIGINT,
    loaded_at BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    PRIMARY KEY (name, version)
) {compact};

-- Who may write. One row, `writer`.
CREATE TABLE lease (
    name {key} PRIMARY KEY,
    holder TEXT NOT NULL,
    doing TEXT NOT NULL,
    expires_at BIGINT NOT NULL
) {compact};

-- Work that one process asks of the holder of the lease. state: 0 waiting, 1 running, 2 done, 3 failed.
CREATE TABLE jobs (
    id {id},
    kind TEXT NOT NULL,
    argument TEXT NOT NULL,
    state BIGINT NOT NULL,
    progress TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    heard_at BIGINT NOT NULL
);
