/** Ports from `from` to `to`, both included. */
export type PortRange = { readonly from: number; readonly to: number };

/** Where the market may connect to on the word of a user. */
export type EgressSettings = {
  /** Networks that may be reached although they are not public. */
  readonly allow: readonly string[];
  readonly ports: readonly PortRange[];
  readonly isHttpsOnly: boolean;
};

/** The ports without a setting: in production the two that receivers of webhooks use, elsewhere also those of development servers. */
export const PORTS_IN_PRODUCTION = '443,8443';
export const PORTS_ELSEWHERE = '80,443,1024-65535';

/** Ports and ranges such as 443,8000-8999; undefined when the text is no such list. */
export function parsePorts(text: string): PortRange[] | undefined {
  const ranges = text.split(',').map((part) => {
    const [, from, to = from] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? [];
    return { from: Number(from), to: Number(to) };
  });
  return ranges.every(({ from, to }) => from >= 1 && from <= to && to <= 65_535) ? ranges : undefined;
}
