import type { Place, Switch, Value, Vocabulary } from './completion-words.js';

/** For fish 3 and newer. */
export function fishScript({ places, everywhere }: Vocabulary): string {
  return `# Completion of c4c for fish: c4c completion fish > ~/.config/fish/completions/c4c.fish
function __c4c_at --description 'Whether the words so far lead to this place'
    set -l position c4c
    set -l place 0
    set -l pending ''
    for word in (commandline -opc)[2..-1]
        if test -n "$pending"
            set pending ''
            continue
        end
        switch "$position $word"
${places.flatMap(stepsOf).join('\n')}
${everywhere.flatMap((one) => pendingOf('*', one)).join('\n')}
            case '* -*'
            case '*'
                set place (math $place + 1)
        end
    end
    test "$position" = "$argv[1]"; and begin
        test (count $argv) -lt 2; or test "$place" = "$argv[2]"
    end
end
complete -c c4c -e
complete -c c4c -f
complete -c c4c -s h -l help -d help
${places.flatMap(linesOf).join('\n')}
${everywhere.map((one) => sharedLine(one, places)).join('\n')}
`;
}

function stepsOf({ path, commands, switches }: Place): string[] {
  const steps = commands.flatMap(({ names }) => [
    `            case ${names.map((name) => `'${path} ${name}'`).join(' ')}`,
    `                set position '${path} ${names[0] ?? ''}'`,
    '                set place 0',
  ]);
  return [...steps, ...switches.flatMap((one) => pendingOf(path, one))];
}

function pendingOf(path: string, { flags, value }: Switch): string[] {
  if (value === undefined) return [];
  return [
    `            case ${flags.map((flag) => `'${path} ${flag}'`).join(' ')}`,
    '                set pending $word',
  ];
}

function sharedLine(one: Switch, places: readonly Place[]): string {
  const others = places.filter(({ switches }) =>
    switches.some(({ flags }) => flags.some((flag) => one.flags.includes(flag))),
  );
  const unless = others.map(({ path }) => `not __c4c_at '${path}'`).join('; and ');
  return `complete -c c4c${unless === '' ? '' : ` -n "${unless}"`}${switchFlags(one)} -d ${quoted(one.about)}`;
}

function linesOf({ path, commands, switches, args }: Place): string[] {
  const at = (place?: number): string =>
    `complete -c c4c -n "__c4c_at '${path}'${place === undefined ? '' : ` ${place}`}"`;
  return [
    ...commands.flatMap(({ names, about }) => names.map((name) => `${at(0)} -a ${name} -d ${quoted(about)}`)),
    ...args.flatMap((value, place) => (isKnown(value) ? [`${at(place)}${valueFlags(value)}`] : [])),
    ...switches.map((one) => `${at()}${switchFlags(one)} -d ${quoted(one.about)}`),
  ];
}

function switchFlags({ flags, value }: Switch): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`)).join('');
  return value === undefined ? names : `${names} ${value.isFile ? '-r -F' : '-x'}${wordsFlag(value)}`;
}

function valueFlags(value: Value): string {
  return value.isFile ? ' -F' : wordsFlag(value);
}

function wordsFlag({ words }: Value): string {
  return words.length === 0 ? '' : ` -a '${words.join(' ')}'`;
}

function isKnown({ words, isFile }: Value): boolean {
  return words.length > 0 || isFile;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
