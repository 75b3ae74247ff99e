-- Why:  who can be reached with work: agents that have sockets, by the process that holds them, and when an agent last asked for its
--       events. A webhook waits a moment for an agent's socket, and the market shows whom nothing reaches. Ordinary tables and not
--       unlogged ones: those are empty after a crash and on every standby, and all providers would count as out of reach.
-- Lock: none on what exists; two new tables.
-- Back: drop them. Work then goes by webhook at once.

-- An agent that has sockets for work at this process: one that says by itself what it has, only ones that do not, or only ones that
-- leave their work and a ping unanswered.
create table market.agent_presence (
  agent_id bigint not null,
  node uuid not null,
  state text not null,
  constraint agent_presence_pkey primary key (agent_id, node),
  constraint agent_presence_state_known check (state in ('acknowledging', 'plain', 'silent'))
) with (fillfactor = 70);
create index agent_presence_by_node on market.agent_presence (node);

-- When an agent last asked for what it has to do.
create table market.agent_poll (
  agent_id bigint not null,
  polled_at timestamptz not null,
  constraint agent_poll_pkey primary key (agent_id)
) with (fillfactor = 50);
