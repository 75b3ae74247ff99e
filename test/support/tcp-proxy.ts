import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A door in front of a server that a test can break: answers are lost, connections are cut or refused. */
export type TcpProxy = {
  /** The same URL with the proxy's address. */
  url(of: string): string;
  /** What the server answers from now on is swallowed, and the connection is cut as soon as there is some. */
  loseAnswers(): void;
  /** What the server answers from now on is swallowed, and the connection stays open. */
  swallowAnswers(): void;
  /** From now on nothing comes through in either direction, and the connections stay open: as when a cable is pulled. */
  freeze(): void;
  /** Cuts what is open and refuses what comes. */
  refuse(): void;
  /** Lets everything through again. */
  mend(): void;
  close(): Promise<void>;
};

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let mode: 'open' | 'lose' | 'swallow' | 'frozen' | 'refuse' = 'open';
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (mode === 'refuse') return void client.destroy();
    const upstream = connect(target);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (chunk) => {
      if (mode !== 'frozen') upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (mode === 'open') client.write(chunk);
      else if (mode === 'lose') cut();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: (of) => {
      const changed = new URL(of);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href;
    },
    loseAnswers: () => void (mode = 'lose'),
    swallowAnswers: () => void (mode = 'swallow'),
    freeze: () => void (mode = 'frozen'),
    refuse: () => {
      mode = 'refuse';
      cutAll();
    },
    mend: () => void (mode = 'open'),
    close: async () => {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
