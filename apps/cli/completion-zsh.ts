import type { Place, Switch, Value, Vocabulary } from './completion-words.js';

/** For zsh, sourced or found in a folder of `fpath` as `_c4c`. */
export function zshScript({ places, everywhere }: Vocabulary): string {
  return `#compdef c4c
# Completion of c4c for zsh: source <(c4c completion zsh), or as _c4c in a folder of fpath
_c4c() {
  local current="\${words[CURRENT]}" position=c4c place=0 pending='' word i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ -n $pending ]]; then
      pending=''
      continue
    fi
    case "$position $word" in
${places.flatMap(stepsOf).join('\n')}
${everywhere.flatMap((one) => pendingOf('*', one)).join('\n')}
      *' -'*) ;;
      *) place=$((place + 1)) ;;
    esac
  done
  # --flag=value is one word here.
  if [[ -z $pending && $current == --*=* ]]; then
    pending="\${current%%=*}"
    compset -P '*='
  fi
  if [[ -n $pending ]]; then
    case "$position $pending" in
${places.flatMap(({ path, switches }) => switches.flatMap((one) => valueOf(path, one))).join('\n')}
${everywhere.flatMap((one) => valueOf('*', one)).join('\n')}
    esac
  elif [[ $current == -* ]]; then
    found=(${everywhere.flatMap(describedSwitch).join(' ')} '-h:help' '--help:help')
    case "$position" in
${places.map((place) => `      '${place.path}') found+=(${ownOf(place, everywhere).join(' ')}) ;;`).join('\n')}
    esac
    _describe -o option found
    return
  else
    case "$position $place" in
${places.flatMap(argsOf).join('\n')}
    esac
  fi
  (( \${#found} )) && _describe value found
}
if [[ "\${funcstack[1]}" == _c4c ]]; then
  _c4c "$@"
else
  compdef _c4c c4c
fi
`;
}

function stepsOf({ path, commands, switches }: Place): string[] {
  const steps = commands.map(
    ({ names }) =>
      `      ${names.map((name) => `'${path} ${name}'`).join('|')}) position='${path} ${names[0] ?? ''}' place=0 ;;`,
  );
  return [...steps, ...switches.flatMap((one) => pendingOf(path, one))];
}

function pendingOf(path: string, { flags, value }: Switch): string[] {
  return value === undefined ? [] : [`      ${casesOf(path, flags)}) pending="$word" ;;`];
}

function valueOf(path: string, { flags, value }: Switch): string[] {
  return value === undefined ? [] : [`      ${casesOf(path, flags)}) ${settingOf(value) || ':'} ;;`];
}

function casesOf(path: string, flags: readonly string[]): string {
  return flags.map((flag) => (path === '*' ? `*' ${flag}'` : `'${path} ${flag}'`)).join('|');
}

/** Without those that are everywhere: a word that is offered twice would be shown twice. */
function ownOf({ switches }: Place, everywhere: readonly Switch[]): string[] {
  const known = new Set(everywhere.flatMap(({ flags }) => flags));
  return switches.flatMap(({ flags, about }) =>
    flags.filter((flag) => !known.has(flag)).map((flag) => described(flag, about)),
  );
}

function argsOf({ path, commands, args }: Place): string[] {
  if (commands.length > 0) {
    const all = commands.flatMap(({ names, about }) => names.map((name) => described(name, about)));
    return [`      '${path} 0') found=(${all.join(' ')}) ;;`];
  }
  return args.flatMap((value, at) => {
    const found = settingOf(value);
    return found === '' ? [] : [`      '${path} ${at}') ${found} ;;`];
  });
}

function settingOf(value: Value | undefined): string {
  if (value === undefined) return '';
  if (value.isFile) return '_files';
  return value.words.length === 0 ? '' : `found=(${value.words.map((word) => `'${word}'`).join(' ')})`;
}

function describedSwitch({ flags, about }: Switch): string[] {
  return flags.map((flag) => described(flag, about));
}

/** A colon divides the word from what it means; in what follows it is a colon. */
function described(word: string, about: string): string {
  return `'${word}:${about.replaceAll("'", `'\\''`)}'`;
}
