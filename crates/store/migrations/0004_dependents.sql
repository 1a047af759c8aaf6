-- What lists of many packages need of their latest versions, so that they need not unpack any.

-- traits: 1 brings types, 2 ECMAScript module, 4 CommonJS module, 8 runs scripts while it is installed, 16 has provenance.
-- dependencies: a JSON array of [name, range], the needed, optional and peer ones that mean packages of the registry; null when there are none.
CREATE TABLE latest (
    package_id {id},
    traits BIGINT NOT NULL,
    dependencies TEXT
);

-- Whose latest version needs whom, as far as both are stored.
CREATE TABLE dependents (
    dependency_id BIGINT NOT NULL,
    package_id BIGINT NOT NULL,
    PRIMARY KEY (dependency_id, package_id)
) {compact};
CREATE INDEX dependents_package_id ON dependents (package_id, dependency_id);

-- The same where the name that is needed is not stored, so that it is found when it becomes known.
CREATE TABLE unknown_dependencies (
    name {key} NOT NULL,
    package_id BIGINT NOT NULL,
    PRIMARY KEY (name, package_id)
) {compact};
CREATE INDEX unknown_dependencies_package_id ON unknown_dependencies (package_id);
