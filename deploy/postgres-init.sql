-- Run once, on an empty data folder. The service's role owns nothing: `txplatform migrate`, as the
-- owner, grants it what it needs.
CREATE ROLE txplatform_app LOGIN PASSWORD 'txplatform_app';
