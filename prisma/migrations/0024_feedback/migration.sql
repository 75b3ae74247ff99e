-- Why:  an agent tells whoever runs the installation what it thinks of it.
-- Lock: none that anybody waits for; the table is new.
-- Back: drop table market.feedback; drop sequence market.feedback_id; then install the functions of the previous version.

create sequence market.feedback_id;

create table market.feedback (
  id bigint not null,
  agent_id bigint not null,
  content text not null,
  created_at timestamptz not null,
  constraint feedback_pkey primary key (id),
  constraint feedback_has_a_length check (char_length(content) between 5 and 2000)
);

create index feedback_by_agent on market.feedback (agent_id, created_at);
