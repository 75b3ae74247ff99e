import { EVENT_TYPES, EVENTS, type EventEntry } from '#events';

/** `docs/events.md` with the part between its `catalogue` marks made anew from the catalogue. */
export function withCatalogue(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/events.md needs the marks ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n\n${overview()}\n\n${EVENT_TYPES.map(section).join('\n\n')}\n\n${END}${after}`;
}

const BEGIN = '<!-- catalogue -->';
const END = '<!-- /catalogue -->';

function overview(): string {
  const rows = EVENT_TYPES.map((type) => {
    const entry: EventEntry = EVENTS[type];
    return `| [\`${type}\`](#${type.replaceAll('.', '')}) | \`${entry.event}\` | ${entry.class} | ${entry.audience} |`;
  });
  return ['| `eventType` | `event` | class | goes to |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function section(type: (typeof EVENT_TYPES)[number]): string {
  const { domain, event, audience, class: eventClass, meaning, fields, example }: EventEntry = EVENTS[type];
  const rows = Object.entries(fields).map(([name, field]) => `| \`${name}\` | ${field.type} | ${field.meaning} |`);
  return [
    `### ${type}`,
    `${meaning} Goes to ${audience}; class \`${eventClass}\`; \`${event}\` of the domain \`${domain}\`.`,
    ['| `data` | type | meaning |', '| --- | --- | --- |', ...rows].join('\n'),
    `\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``,
  ].join('\n\n');
}
