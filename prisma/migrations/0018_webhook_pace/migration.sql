-- Why:  an endpoint's rate holds for all workers together, so it is counted in the database; a replay of all that failed leaves out
--       what was replayed since; open breakers are counted for the metrics.
-- Lock: market.delivery and market.webhook_endpoint against writing while their rows are read once for the indexes. Webhooks wait as
--       long; nobody who invokes or submits does.
-- Back: drop the table and the two indexes.

-- How far the tries of an endpoint are ahead of its rate (`free_at`), and how far the turns of those that wait have been given away
-- (`turn_at`). It is not logged: what a crash of the server takes with it is one burst.
create unlogged table market.webhook_pace (
  endpoint_id bigint not null,
  free_at timestamptz not null,
  turn_at timestamptz not null,
  constraint webhook_pace_pkey primary key (endpoint_id)
) with (fillfactor = 50);

create index delivery_replayed on market.delivery (endpoint_id, seq, id) where replay_id is not null;
create index webhook_endpoint_breaker on market.webhook_endpoint (breaker_until) where breaker_until is not null and deleted_at is null;
