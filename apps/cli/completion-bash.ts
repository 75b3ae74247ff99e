import type { Place, Switch, Vocabulary } from './completion-words.js';

/** For bash 3.2 and newer, which has no tables. Every word that it holds is one of the program's own and needs no care in quotes. */
export function bashScript({ places, everywhere }: Vocabulary): string {
  return `# Completion of c4c for bash: source <(c4c completion bash)
_c4c() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path=c4c place=0 pending='' words='' files='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # bash takes --flag=value for three words.
    [[ $word == '=' ]] && continue
    if [[ -n $pending ]]; then
      pending=''
      continue
    fi
    case "$path $word" in
${places.flatMap(stepsOf).join('\n')}
${everywhere.flatMap((one) => pendingOf('*', one)).join('\n')}
      *' -'*) ;;
      *) place=$((place + 1)) ;;
    esac
  done
  [[ $current == '=' ]] && current=''
  if [[ -n $pending ]]; then
    case "$path $pending" in
${places.flatMap(({ path, switches }) => switches.flatMap((one) => valueOf(path, one))).join('\n')}
${everywhere.flatMap((one) => valueOf('*', one)).join('\n')}
    esac
  elif [[ $current == -* ]]; then
    case "$path" in
${places.map((place) => `      '${place.path}') words='${flagsOf(place, everywhere).join(' ')}' ;;`).join('\n')}
    esac
  else
    case "$path $place" in
${places.flatMap(argsOf).join('\n')}
    esac
  fi
  local IFS=$'\\n'
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(IFS=' ' compgen -W "$words" -- "$current"))
  fi
}
complete -F _c4c c4c
`;
}

function stepsOf({ path, commands, switches }: Place): string[] {
  const steps = commands.map(
    ({ names }) =>
      `      ${names.map((name) => `'${path} ${name}'`).join('|')}) path='${path} ${names[0] ?? ''}' place=0 ;;`,
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

function flagsOf({ switches }: Place, everywhere: readonly Switch[]): string[] {
  return [...new Set([...switches, ...everywhere].flatMap(({ flags }) => flags)), '-h', '--help'];
}

function argsOf({ path, commands, args }: Place): string[] {
  if (commands.length > 0) return [`      '${path} 0') words='${commands.flatMap(({ names }) => names).join(' ')}' ;;`];
  return args.flatMap((value, at) => {
    const found = settingOf(value);
    return found === '' ? [] : [`      '${path} ${at}') ${found} ;;`];
  });
}

function settingOf(value: Place['args'][number] | undefined): string {
  if (value === undefined) return '';
  if (value.isFile) return 'files=yes';
  return value.words.length === 0 ? '' : `words='${value.words.join(' ')}'`;
}
