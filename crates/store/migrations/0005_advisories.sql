-- Known vulnerabilities, as the registry told them when it was asked for a package's versions.
-- checked_at: seconds since 1970, UTC. found: a JSON array, the worst first; null when there are none.
CREATE TABLE advisories (
    package_id {id},
    checked_at BIGINT NOT NULL,
    found TEXT
);
