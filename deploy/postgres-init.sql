-- Runs once, on an empty data folder. The service's role owns no table; `txplatform migrate`, run
-- as the owner, grants its privileges.
CREATE ROLE txplatform_app LOGIN PASSWORD 'txplatform_app';
