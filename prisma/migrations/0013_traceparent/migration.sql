-- Why:  the trace context that a caller sends with an invoke is kept, so that its provider's work can be seen in the same trace.
--       Opening takes one more list; its default lets a process of the previous version go on calling it. A function with other
--       arguments is another function to PostgreSQL, so the old one goes before the new one is installed.
-- Lock: market.invocation exclusively, for the moment that adding a column without a value takes.
-- Back: drop function market.invocation_open; alter table market.invocation drop column traceparent; then install the functions
--       of the previous version.

alter table market.invocation add column traceparent text;

drop function if exists market.invocation_open(bigint[], bigint[], bigint[], bigint[], bigint[], integer[], bigint[], json[], text[], bytea[], integer, bigint[]);
