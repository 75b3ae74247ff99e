-- Why:  a socket of the protocol c4c.v1 reads an agent's stream as a consumer that has a name and a place. Several sockets of one
--       consumer, also at several processes, share its events: who holds which is written down here, and nowhere else.
-- Lock: none on what exists; four new tables.
-- Back: drop them. Consumers then begin anew, where their clients say.

-- A process that has sockets, and when it last said so.
create table market.gateway_node (
  node uuid not null,
  seen_at timestamptz not null,
  constraint gateway_node_pkey primary key (node)
) with (fillfactor = 50);

-- Everything up to `acked_seq` is acknowledged; everything up to `taken_seq` was handed out or is left out by `types`.
create table market.consumer_cursor (
  agent_id bigint not null,
  consumer text not null,
  acked_seq bigint not null,
  taken_seq bigint not null,
  types text[],
  updated_at timestamptz not null,
  constraint consumer_cursor_pkey primary key (agent_id, consumer),
  constraint consumer_cursor_acknowledges_what_was_taken check (acked_seq between 0 and taken_seq),
  constraint consumer_cursor_has_a_name check (length(consumer) between 1 and 64)
) with (fillfactor = 50);

-- An open socket that has said hello.
create table market.consumer_socket (
  session uuid not null,
  node uuid not null,
  agent_id bigint not null,
  consumer text not null,
  constraint consumer_socket_pkey primary key (session)
);
create index consumer_socket_by_consumer on market.consumer_socket (agent_id, consumer);
create index consumer_socket_by_node on market.consumer_socket (node);

-- An event that was handed out and is not acknowledged. It may be handed out again from `due_at` on; without a session nobody
-- holds it until then.
create table market.consumer_claim (
  agent_id bigint not null,
  consumer text not null,
  seq bigint not null,
  attempt integer not null,
  session uuid,
  due_at timestamptz not null,
  constraint consumer_claim_pkey primary key (agent_id, consumer, seq),
  constraint consumer_claim_attempt_not_negative check (attempt >= 0)
) with (fillfactor = 70);
