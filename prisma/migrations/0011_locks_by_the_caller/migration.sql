-- Holds lock and read wallets in one statement now, and settlements leave the locking to a caller that has done it.
drop function if exists ledger.lock_wallets(bigint[]);
