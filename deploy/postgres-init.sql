-- Runs once, on an empty data folder. The platform's role owns no table; `txplatform migrate`, run as
-- the owner, grants its privileges. Each service of the bank owns its database.
CREATE ROLE txplatform_app LOGIN PASSWORD 'txplatform_app';
CREATE ROLE txbank_accounts LOGIN PASSWORD 'txbank_accounts';
CREATE ROLE txbank_payments LOGIN PASSWORD 'txbank_payments';
CREATE ROLE txbank_web LOGIN PASSWORD 'txbank_web';
CREATE ROLE txbank_notifications LOGIN PASSWORD 'txbank_notifications';
CREATE DATABASE txbank_accounts OWNER txbank_accounts;
CREATE DATABASE txbank_payments OWNER txbank_payments;
CREATE DATABASE txbank_web OWNER txbank_web;
CREATE DATABASE txbank_notifications OWNER txbank_notifications;
