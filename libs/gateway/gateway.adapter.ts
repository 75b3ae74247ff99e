import type { IncomingMessage, Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocketServer } from 'ws';
import { SOCKET_PATH, UpgradeDoor } from './upgrade-door.js';

/** Lets the sockets of this application through the door of the gateway. Called before the application listens. */
export function useGateway(app: INestApplication): void {
  app.useWebSocketAdapter(new GatewayAdapter(app, app.get(UpgradeDoor)));
}

/** Nest's adapter for `ws`, with authentication in the upgrade; frames are read by the gateway itself. */
class GatewayAdapter extends WsAdapter {
  private server: WebSocketServer | undefined;

  constructor(
    app: INestApplication,
    private readonly door: UpgradeDoor,
  ) {
    super(app);
  }

  override create(port: number, options: Record<string, unknown>): WebSocketServer {
    const server = super.create(port, options) as WebSocketServer;
    this.server = server;
    server.on('headers', (lines, request) => {
      for (const [name, value] of Object.entries(this.door.rateHeadersOf(request))) lines.push(`${name}: ${value}`);
    });
    // `ws` would answer in plain text.
    server.on('wsClientError', (error, socket, request) => this.door.refuseHandshake(request, socket, error.message));
    return server;
  }

  // Nest would parse every frame as {event, data}; the contract's frames have another shape and limits of their own.
  override bindMessageHandlers(): void {
    return;
  }

  // Nest would log every broken frame of every peer; the gateway writes one line a connection.
  override bindErrorHandler(server: WebSocketServer): WebSocketServer {
    return server;
  }

  protected override ensureHttpServerExists(port: number, httpServer?: Server): Server | undefined {
    if (httpServer === undefined || this.httpServersRegistry.has(port)) return undefined;
    this.httpServersRegistry.set(port, httpServer);
    takeOnlyOwnUpgrades(httpServer);
    httpServer.on('upgrade', (request, socket, head) => {
      if (this.server === undefined) socket.destroy();
      else void this.door.admit(request, socket, head, this.server);
    });
    return httpServer;
  }
}

/**
 * Without this every request with any `Upgrade` header, such as a client's offer of h2c, would land here and not at its
 * route. Node has the hook since 24.9 and takes it at creation or, as here, as a property; older versions ignore it, and
 * the door answers 404.
 */
function takeOnlyOwnUpgrades(server: Server): void {
  Reflect.set(server, 'shouldUpgradeCallback', (request: IncomingMessage) => {
    return request.headers.upgrade?.toLowerCase() === 'websocket' && request.url?.split('?')[0] === SOCKET_PATH;
  });
}
