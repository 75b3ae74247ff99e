-- Why:  opening and closing look at the API key again, in the transaction that moves the money. They take one more list; its
--       default lets a process of the previous version go on calling them. A function with other arguments is another
--       function to PostgreSQL, so the old ones go before the new ones are installed.
-- Lock: none that anybody waits for.
-- Back: drop the new ones and install the functions of the previous version.

drop function if exists market.invocation_open(bigint[], bigint[], bigint[], bigint[], bigint[], integer[], bigint[], json[], text[], bytea[], integer);
drop function if exists market.opening_verdict(ledger.idempotency, market.agent, market.service, market.agent, bigint, integer, bigint, bytea);
drop function if exists market.invocation_close(bigint[], text[], bigint[], json[], json[], text[], bytea[]);
drop function if exists market.invocation_close_one(bigint, text, bigint, json, json, text, bytea);
drop function if exists market.closing_verdict(market.invocation, text, bigint, bytea, timestamptz);
