type Pattern = { method: string; segments: readonly string[] };

/** Remembers the routes of the application, so that a request for a known path by another method gets 405 and not 404. */
export class RouteTable {
  private readonly patterns: Pattern[] = [];

  add(method: string | readonly string[], url: string): void {
    for (const one of typeof method === 'string' ? [method] : method) {
      this.patterns.push({ method: one, segments: url.split('/') });
    }
  }

  /** The methods that the path takes, in alphabetical order; none for an unknown path. */
  methodsOf(path: string): string[] {
    const segments = path.split('/');
    const methods = new Set<string>();
    for (const pattern of this.patterns) {
      if (matches(pattern.segments, segments)) methods.add(pattern.method);
    }
    if (methods.size > 0) methods.add('OPTIONS');
    return [...methods].sort();
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    if (part === '*') return true;
    const segment = segments[index];
    if (segment === undefined) return false;
    if (part.startsWith(':') ? segment === '' : part !== segment) return false;
  }
  return pattern.length === segments.length;
}
