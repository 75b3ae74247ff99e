-- Why:  replays take turns, so that one agent's many do not hold up another's (`stepped_at`); a key with another `through` is another
--       request, and `through` alone does not say what was asked, since a replay ends with the log (`asked_through`). Of a range of
--       before that is not known: its key is refused when it comes again with a `through`.
-- Lock: market.webhook_replay exclusively, for the moment that adding columns without a value takes.
-- Back: alter table market.webhook_replay drop column asked_through, drop column stepped_at; then install the functions of the
--       previous version.

alter table market.webhook_replay
  add column asked_through bigint,
  add column stepped_at timestamptz;
