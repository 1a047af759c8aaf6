-- Known vulnerabilities, as the registry told them when it was asked for a package's versions.
-- checked_at: seconds since 1970, UTC. versions: how many versions it was asked about, the newest. found: a JSON array, the worst first;
-- null when there are none.
CREATE TABLE advisories (
    package_id {id},
    checked_at BIGINT NOT NULL,
    versions BIGINT NOT NULL,
    found TEXT
);
