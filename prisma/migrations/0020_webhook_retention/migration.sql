-- Why:  what is left of deleted endpoints, of ended secrets and of replays is thrown away after C4C_EVENT_DAYS, which looks for it by
--       time; and an endpoint that gets another address keeps getting deliveries, which wait for its verification (`verified_at`: its
--       address of that time answered the challenge). Whatever is not `unverified` was verified once.
-- Lock: market.webhook_endpoint exclusively while its rows are written once; market.webhook_secret and market.webhook_replay against
--       writing while theirs are read once. Webhooks wait as long; nobody who invokes or submits does.
-- Back: install the functions of the previous version; drop the three indexes; alter table market.webhook_endpoint drop column
--       verified_at.

alter table market.webhook_endpoint add column verified_at timestamptz;
update market.webhook_endpoint set verified_at = updated_at where state <> 'unverified';

create index webhook_endpoint_deleted on market.webhook_endpoint (deleted_at) where deleted_at is not null;
create index webhook_secret_ended on market.webhook_secret (expires_at) where expires_at is not null;
create index webhook_replay_ended on market.webhook_replay (ended_at) where ended_at is not null;
