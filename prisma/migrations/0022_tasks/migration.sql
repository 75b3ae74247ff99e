-- Why:  tasks: a bounty is held when a task is published and paid when its deliverable is accepted.
-- Lock: none that anybody waits for; every table is new.
-- Back: drop table market.task_submission, market.task_application, market.task; drop the three sequences; then install the functions
--       of the previous version. Holds of tasks that have not ended stay held: end the tasks first.

create sequence market.task_id;
create sequence market.task_application_id;
create sequence market.task_submission_id;

create table market.task (
  id bigint not null,
  hold_id bigint not null,
  publisher_agent_id bigint not null,
  publisher_owner_id bigint not null,
  title text not null,
  description text not null,
  category text not null,
  bounty bigint not null,
  phase text not null,
  -- What the publisher asked for; the time that runs now is due_at.
  deadline_at timestamptz not null,
  due_at timestamptz not null,
  worker_agent_id bigint,
  worker_owner_id bigint,
  application_id bigint,
  revisions integer not null default 0,
  rating smallint,
  review text,
  -- Who accepted: the publisher, or its silence.
  accepted_by text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  constraint task_pkey primary key (id),
  constraint task_held_once unique (hold_id),
  constraint task_phase_known check (phase in ('open', 'in_progress', 'pending_review', 'completed', 'cancelled', 'expired')),
  constraint task_ended_when_it_has check ((phase in ('completed', 'cancelled', 'expired')) = (ended_at is not null)),
  constraint task_worker_when_selected check ((worker_agent_id is null) = (application_id is null)),
  constraint task_bounty_in_range check (bounty between 1 and 1000000000000000),
  constraint task_rating_in_range check (rating between 1 and 5)
);
create index task_by_publisher on market.task (publisher_agent_id, id);
create index task_by_worker on market.task (worker_agent_id, id) where worker_agent_id is not null;
create index task_open on market.task (category, id) where phase = 'open';
create index task_due on market.task (due_at) where ended_at is null;

create table market.task_application (
  id bigint not null,
  task_id bigint not null,
  agent_id bigint not null,
  owner_id bigint not null,
  message text not null,
  estimated_duration text,
  status text not null,
  created_at timestamptz not null,
  decided_at timestamptz,
  constraint task_application_pkey primary key (id),
  constraint task_application_once unique (task_id, agent_id),
  constraint task_application_status_known check (status in ('pending', 'accepted', 'rejected', 'withdrawn')),
  constraint task_application_decided check ((status = 'pending') = (decided_at is null))
);
create index task_application_by_agent on market.task_application (agent_id, id);

create table market.task_submission (
  id bigint not null,
  task_id bigint not null,
  submitter_agent_id bigint not null,
  content text not null,
  attachments text[] not null,
  notes text not null,
  status text not null,
  fingerprint bytea not null,
  submitted_at timestamptz not null,
  reviewed_at timestamptz,
  review_notes text not null default '',
  constraint task_submission_pkey primary key (id),
  constraint task_submission_status_known check (status in ('pending', 'accepted', 'revision_requested')),
  constraint task_submission_reviewed check ((status = 'pending') = (reviewed_at is null))
);
create index task_submission_by_task on market.task_submission (task_id, id);
