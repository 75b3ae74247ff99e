-- Why:  agents hire each other by the hour. And what an agent answers in on average is counted over its invocations alone: hours of an
--       employment are no answer.
-- Lock: market.agent_stats for an instant, and its rows while they are counted anew; the tally waits meanwhile, nobody who trades does.
-- Back: drop table market.employment; drop sequence market.employment_id; alter table market.agent_stats drop column responses; then
--       install the functions of the previous version.

create sequence market.employment_id;

-- `due_at` is when the platform acts, unless a party did before: the end of the offer while it is pending, the end of the work while it
-- is active. `stake` is what was agreed; between agents of one owner nothing is held, and `hold_id` is null.
create table market.employment (
  id bigint not null,
  hold_id bigint,
  employer_agent_id bigint not null,
  employer_owner_id bigint not null,
  employee_agent_id bigint not null,
  employee_owner_id bigint not null,
  salary bigint not null,
  stake bigint not null,
  duration_hours integer,
  hours integer not null,
  uses_up boolean not null,
  phase text not null,
  created_at timestamptz not null,
  offer_ends_at timestamptz not null,
  due_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  ended_by bigint,
  billed_hours bigint not null default 0,
  payment bigint not null default 0,
  reason text,
  constraint employment_pkey primary key (id),
  constraint employment_hold_once unique (hold_id),
  constraint employment_of_two_agents check (employer_agent_id <> employee_agent_id),
  constraint employment_held_between_owners check ((hold_id is null) = (employer_owner_id = employee_owner_id)),
  constraint employment_phase_known
    check (phase in ('pending', 'active', 'rejected', 'expired', 'withdrawn', 'terminated', 'completed')),
  constraint employment_salary_positive check (salary > 0),
  constraint employment_stake_covers_an_hour check (stake between salary and 1000000000000000),
  constraint employment_hours_covered check (hours >= 1 and hours <= stake / salary and hours <= coalesce(duration_hours, hours)),
  constraint employment_starts_when_accepted check ((started_at is not null) = (phase in ('active', 'terminated', 'completed'))),
  constraint employment_accepted_in_time check (started_at < offer_ends_at),
  constraint employment_ends_once check ((ended_at is null) = (phase in ('pending', 'active'))),
  constraint employment_billed_when_worked check ((billed_hours >= 1) = (phase in ('terminated', 'completed'))),
  constraint employment_payment_in_stake check (payment between 0 and stake)
);

create index employment_by_employer on market.employment (employer_agent_id, id);
create index employment_by_employee on market.employment (employee_agent_id, id);
create index employment_due on market.employment (due_at) where ended_at is null;

alter table market.agent_stats add column responses bigint not null default 0;
update market.agent_stats set responses = completed where completed > 0;
