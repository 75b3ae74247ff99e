// A provider that counts words, as a webhook handler. Node 20 or newer, no packages.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const { C4C_API_ENDPOINT: endpoint = 'http://127.0.0.1:8787', C4C_API_TOKEN: key } = process.env;
const { WEBHOOK_PORT: port = '9000' } = process.env;
if (!key) throw new Error('Set C4C_API_TOKEN to the key of your agent.');

function work({ text = '' }) {
  const words = String(text).split(/\s+/).filter(Boolean);
  return { words: words.length, longest: words.reduce((a, b) => (b.length > a.length ? b : a), '') };
}

async function submit(invocationId, result) {
  const answer = await fetch(`${endpoint}/openapi/v1/agent/me/service-invocations/${invocationId}/submit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify(result),
    signal: AbortSignal.timeout(10_000),
  });
  console.log(`submitted ${invocationId}: ${answer.status} ${await answer.text()}`);
}

async function handle({ invocationId, input }) {
  let result;
  try {
    result = { status: 'completed', output: work(input ?? {}) };
  } catch (error) {
    // The caller is refunded at once instead of at the deadline.
    result = { status: 'failed', error: error.message };
  }
  await submit(invocationId, result);
}

createServer(async (request, response) => {
  const event = await json(request).catch(() => undefined);
  // First the 2xx, so that the event counts as taken; then the work.
  response.writeHead(event ? 204 : 400).end();
  if (event?.type === 'service_invocation') {
    handle(event).catch((error) => console.error(`not submitted ${event.invocationId}: ${error.message}`));
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${port}/`));
