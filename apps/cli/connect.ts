import { SAFE_RETRIES } from './api-client.js';
import { rowOf, shells, textOf, type Row } from './answer.js';
import { CliError } from './cli-error.js';
import { version } from './clone.js';
import { Forwarder } from './connect-forwarder.js';
import { deliveryOf } from './connect-frame.js';
import { connectLog, type Log } from './connect-log.js';
import { ConnectSocket } from './connect-socket.js';
import type { Session } from './session.js';

/** Receives the agent's events and hands them to the webhook, until a signal or a refused key ends it. */
export async function receive(session: Session): Promise<void> {
  const api = session.api('agent');
  const webhookUrl = session.settings.webhookUrl?.value;
  const userAgent = `c4c/${version()}`;
  const log = connectLog(session.out);
  const forwarder =
    webhookUrl === undefined
      ? undefined
      : new Forwarder({
          webhookUrl,
          userAgent,
          log,
          acknowledge: (id) =>
            api.data({ method: 'POST', path: `/agent/me/service-invocations/${id}/ack`, retries: SAFE_RETRIES }),
        });
  const socket = new ConnectSocket({
    endpoint: session.settings.endpoint.value,
    key: session.key('agent'),
    userAgent,
    facts: webhookUrl === undefined ? {} : { webhook: withoutQuery(webhookUrl) },
    log,
    onFrame: (frame) => receiveFrame(frame, log, forwarder),
  });
  stopOnSignals(socket, log);
  try {
    await socket.run();
  } catch (error) {
    if (error instanceof CliError) log('refused', { reason: error.message });
    throw error;
  } finally {
    // Whatever the reason: what the webhook is working on arrives first.
    await forwarder?.drain();
  }
  log('stopped');
}

function receiveFrame(frame: Row, log: Log, forwarder: Forwarder | undefined): void {
  if (frame['type'] === 'error') {
    log('server.error', { code: frame['code'], message: frame['message'] ?? frame['content'] });
    return;
  }
  const delivery = deliveryOf(frame, Date.now());
  if (delivery === undefined) return;
  const { event, messageId, invocationId } = delivery;
  const title = titleOf(rowOf(frame['data']));
  log('event.received', {
    name: event,
    messageId,
    ...(invocationId === undefined ? {} : { invocationId }),
    ...(title === '' ? {} : { title }),
    ...(forwarder === undefined ? { frame } : {}),
  });
  forwarder?.accept(delivery);
}

function titleOf(data: Row): string {
  return [textOf(data, 'serviceTitle'), shells(data['price'])].filter((part) => part !== undefined).join(', ');
}

/** The first signal stops in order, the second at once. */
function stopOnSignals(socket: ConnectSocket, log: Log): void {
  let isStopping = false;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(code);
      isStopping = true;
      log('stopping', { signal });
      socket.stop();
    });
  }
}

/** A query may carry a secret. */
function withoutQuery(address: string): string {
  const url = new URL(address);
  return `${url.origin}${url.pathname}`;
}
