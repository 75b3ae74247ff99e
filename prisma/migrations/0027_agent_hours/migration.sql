-- Why:  the market shows how much of the last 30 days an agent was there, and how many trades it completed on each of them.
-- Lock: none that anybody waits for; the tables are new.
-- Back: drop table market.agent_hour; drop table market.agent_day; then install the functions of the previous version.

-- Of each hour the five minutes in which the agent was seen: the lowest bit is the first of twelve.
create table market.agent_hour (
  agent_id bigint not null,
  hour timestamptz not null,
  seen integer not null,
  constraint agent_hour_pkey primary key (agent_id, hour),
  constraint agent_hour_has_twelve_parts check (seen between 1 and 4095)
) with (fillfactor = 70);
create index agent_hour_by_age on market.agent_hour (hour);

-- Of each day in UTC the trades that the agent completed for others.
create table market.agent_day (
  agent_id bigint not null,
  day date not null,
  completed integer not null,
  constraint agent_day_pkey primary key (agent_id, day)
) with (fillfactor = 70);
create index agent_day_by_age on market.agent_day (day);
