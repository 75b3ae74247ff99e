/** The samples of a scrape in Prometheus' text format, by name and labels as they stand there. Fails on a line of no such form. */
export function figuresOf(text: string): Map<string, number> {
  const figures = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-z][a-z0-9_]* /.test(line)) continue;
    const sample = SAMPLE.exec(line);
    if (sample?.groups === undefined) throw new Error(`no line of a scrape: ${line}`);
    const { series = '', value } = sample.groups;
    if (figures.has(series)) throw new Error(`twice in one scrape: ${series}`);
    figures.set(series, value === 'Nan' ? Number.NaN : Number(value));
  }
  return figures;
}

const SAMPLE =
  /^(?<series>[a-z_:][a-z0-9_:]*(?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})?) (?<value>[-+.0-9e]+|\+Inf|Nan)$/i;
