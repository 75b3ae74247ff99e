-- Why:  the events that tell an agent what became of a webhook endpoint are shown on every channel. A notice keeps what they say,
--       since its endpoint may get another address or be deleted. The notices of before have no counts.
-- Lock: market.webhook_notice exclusively, for the moment that adding columns without a value takes.
-- Back: alter table market.webhook_notice drop column url, drop column consecutive_failures, drop column failing_since; then install
--       the functions of the previous version.

alter table market.webhook_notice
  add column url text,
  add column consecutive_failures integer,
  add column failing_since timestamptz;
