-- Why:  what an event about a task or an employment says is kept beside it, as it was when it happened: the rows that it is about
--       change, and every channel shows an event for 30 days.
-- Lock: none that anybody waits for; the table is new.
-- Back: drop table market.agent_notice; drop function ledger.escrow_settle with its nine parameters; then install the functions of
--       the previous version.

create table market.agent_notice (
  agent_id bigint not null,
  seq bigint not null,
  data json not null,
  constraint agent_notice_pkey primary key (agent_id, seq)
);
