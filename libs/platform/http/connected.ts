import type { FastifyRequest } from 'fastify';

/** Tells, whenever it is asked, whether the client is still there to read an answer. Node stops writing to a connection that the
 *  client has closed. */
export function isConnected({ raw: { socket } }: FastifyRequest): () => boolean {
  return () => socket.writable;
}
