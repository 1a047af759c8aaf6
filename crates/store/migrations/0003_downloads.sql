-- Downloads by day, as npm's downloads API counts them. Days are days since 1970-01-01, UTC; bytes begin with a format tag.

-- The days of a package in a year, from the first of January on, as downloads.rs says. package_id 0 is the whole registry.
-- Years that are over do not change any more.
CREATE TABLE download_years (
    package_id BIGINT NOT NULL,
    year BIGINT NOT NULL,
    counts {bytes} NOT NULL,
    PRIMARY KEY (package_id, year)
) {compact};

-- The same by month, for pages that add up thousands of packages. first_month: months since year 0.
CREATE TABLE download_months (
    package_id {id},
    first_month BIGINT NOT NULL,
    counts {bytes} NOT NULL
);

-- Sums up to as_of, and of the periods before. Volatile: nothing here takes a number from the counter.
-- coverage: [[known, holes], …] of the seven sums as JSON, null when every day of all of them is known.
CREATE TABLE download_sums (
    package_id {id},
    as_of BIGINT NOT NULL,
    days_1 BIGINT NOT NULL,
    days_7 BIGINT NOT NULL,
    days_30 BIGINT NOT NULL,
    days_365 BIGINT NOT NULL,
    previous_7 BIGINT NOT NULL,
    previous_30 BIGINT NOT NULL,
    previous_365 BIGINT NOT NULL,
    coverage TEXT
);

-- What npm tells of a package's versions: the downloads of the 7 days up to last_day.
CREATE TABLE version_downloads (
    package_id BIGINT NOT NULL,
    last_day BIGINT NOT NULL,
    counts {bytes} NOT NULL,
    PRIMARY KEY (package_id, last_day)
) {compact};

-- What is to be asked. tier: 0 somebody looks at its page, 1 of a user whom somebody looked at, 2 popular, 3 the rest.
-- newest_at: when its newest days are due. history_at: the order in which older days are asked, null when there are none left.
-- versions_at: when its versions are due, null when they are not archived. Before anything was asked all three are the place among the
-- popular ones, so that whoever sorts by them begins with the most popular.
-- first_day, last_day: what was asked and answered; closed_day: up to it nothing will change, so it is never asked again.
-- counted: whether any day had downloads. looked_at: when somebody last looked.
CREATE TABLE download_queue (
    package_id {id},
    tier BIGINT NOT NULL,
    newest_at BIGINT NOT NULL,
    history_at BIGINT,
    versions_at BIGINT,
    first_day BIGINT,
    last_day BIGINT,
    closed_day BIGINT,
    counted BIGINT NOT NULL,
    asked_at BIGINT,
    looked_at BIGINT
);
CREATE INDEX download_queue_newest ON download_queue (tier, newest_at);
CREATE INDEX download_queue_history ON download_queue (tier, history_at) WHERE history_at IS NOT NULL;
CREATE INDEX download_queue_versions ON download_queue (tier, versions_at) WHERE versions_at IS NOT NULL;

-- How fast npm lets itself be asked. One row. interval: milliseconds between two requests. not_before: seconds since 1970.
CREATE TABLE download_pace (
    id {id},
    interval_ms BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    refusals BIGINT NOT NULL
);

-- The place of packages among all, by downloads; neighbouring ids together, as trends.rs says.
CREATE TABLE download_ranks (
    block {id},
    ranks {bytes} NOT NULL
);

-- Lists that are computed in the background: popular, rising, falling, newest; keyword is empty for all packages.
-- packages: how many were compared. entries: [[package, downloads, downloads before], …] as JSON.
CREATE TABLE trends (
    list {key} NOT NULL,
    keyword {key} NOT NULL,
    packages BIGINT NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (list, keyword)
) {compact};

-- What the lists and ranks were computed from, as JSON. One row.
CREATE TABLE trends_made (
    id {id},
    basis TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
