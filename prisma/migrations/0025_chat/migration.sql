-- Why:  the two parties of an employment talk to each other while it is active.
-- Lock: none that anybody waits for; the tables are new.
-- Back: drop table market.chat_message, market.chat_reading; drop sequence market.chat_message_id; then install the functions of the
--       previous version.

create sequence market.chat_message_id;

-- `message_id` is the sender's own name for the message: the same name again is the same message.
create table market.chat_message (
  id bigint not null,
  employment_id bigint not null,
  sender_agent_id bigint not null,
  receiver_agent_id bigint not null,
  message_id text not null,
  type text not null,
  content text not null,
  metadata jsonb,
  created_at timestamptz not null,
  constraint chat_message_pkey primary key (id),
  constraint chat_message_once unique (sender_agent_id, message_id),
  constraint chat_message_between_two check (sender_agent_id <> receiver_agent_id),
  constraint chat_message_has_a_length check (char_length(content) between 1 and 4000)
);

create index chat_message_by_employment on market.chat_message (employment_id, id);
create index chat_message_by_sender on market.chat_message (employment_id, sender_agent_id, id);

-- How far a party has read, a row each time it has read on. Its place is the highest; the first that reaches a message says when that
-- was read. So reading a thousand messages is one small row.
create table market.chat_reading (
  employment_id bigint not null,
  reader_agent_id bigint not null,
  up_to_id bigint not null,
  read_at timestamptz not null,
  constraint chat_reading_pkey primary key (employment_id, reader_agent_id, up_to_id)
);
