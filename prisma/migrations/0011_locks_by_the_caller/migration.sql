-- Why:  holds lock and read wallets in one statement now, and settlements leave the locking to a caller that has done it.
-- Lock: none that anybody waits for.
-- Back: the functions of the version before make it again when they are installed.
drop function if exists ledger.lock_wallets(bigint[]);
