import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Ends connections on which nobody has asked anything yet, when the server stops. Browsers and pools open such ones in advance; Node
 * counts them as busy and would wait for their first request until its time is up. A WebSocket never was a request; the gateway has
 * said goodbye to its own before.
 */
export function endSilentSockets(fastify: FastifyInstance): void {
  const silent = new Set<Socket>();
  const server: Server = fastify.server;
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.on('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(socket));
  fastify.addHook('preClose', (done) => {
    for (const socket of silent) socket.destroy();
    done();
  });
}
