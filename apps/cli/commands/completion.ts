import { argument, type CommandSpec, type Handler, type OptionSpec } from '../command.js';
import { usage } from '../failure.js';
import { GLOBAL_OPTIONS } from '../global-options.js';
import { COMMANDS } from './table.js';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;

/** What may follow a command: words, and what its flags take. Static, so that completing asks nobody. */
interface Place {
  /** Names of commands with a blank between; empty for `weir` itself. */
  readonly path: string;
  readonly words: readonly string[];
  /** Flags that take a value, by each of their names, with the values there are; none where it is any text. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

const HELP: OptionSpec = { flags: '-h, --help', about: 'show help' };

function places(commands: readonly CommandSpec[], path = ''): readonly Place[] {
  const names = commands.map(({ name }) => name);
  const here = path === '' ? [...GLOBAL_OPTIONS, HELP] : [HELP];
  return [
    { path, words: [...names, ...longNames(here)], values: valuesOf(GLOBAL_OPTIONS) },
    ...commands.flatMap(({ name, commands: below = [], options = [] }) => {
      const own = path === '' ? name : `${path} ${name}`;
      if (below.length > 0) return places(below, own);
      const all = [...options, ...GLOBAL_OPTIONS, HELP];
      return [{ path: own, words: longNames(all), values: valuesOf(all) }];
    }),
  ];
}

function longNames(options: readonly OptionSpec[]): readonly string[] {
  return options.flatMap(({ flags }) => /--[\w-]+/.exec(flags) ?? []);
}

function valuesOf(options: readonly OptionSpec[]): Place['values'] {
  return new Map(
    options
      .filter(({ flags }) => flags.includes('<'))
      .flatMap(({ flags, choices = [] }) =>
        [...flags.matchAll(/--?[\w-]+/g)].map(([flag]) => [flag, choices] as const),
      ),
  );
}

export const completion: Handler = async (invocation) => {
  const shell = argument(invocation, 0);
  const known = SHELLS.find((one) => one === shell);
  if (known === undefined)
    throw usage('shell-unknown', `'${shell}' is no shell that is known here.`, `One of ${SHELLS.join(', ')}.`);
  const all = places(COMMANDS);
  return {
    kind: 'Completion',
    data: Object.fromEntries(all.map(({ path, words }) => [path, words])),
    raw: SCRIPTS[known](all),
  };
};

/** Flags of a place with what they take, those with the same values together. */
function grouped({ values }: Place): readonly (readonly [flags: readonly string[], choices: readonly string[]])[] {
  const groups = new Map<string, string[]>();
  for (const [flag, choices] of values) {
    const key = choices.join(' ');
    groups.set(key, [...(groups.get(key) ?? []), flag]);
  }
  return [...groups].map(([key, flags]) => [flags, key === '' ? [] : key.split(' ')]);
}

/** `_weir_words` and `_weir_values`: what may follow a command, and what a flag takes; they fail for what is neither. Read by bash and zsh. */
const tables = (all: readonly Place[]): string => `_weir_words() {
  case "$1" in
${all.map(({ path, words }) => `    "${path}") echo "${words.join(' ')}" ;;`).join('\n')}
    *) return 1 ;;
  esac
}
_weir_values() {
  case "$1 $2" in
${all
  .flatMap((place) =>
    grouped(place).map(
      ([flags, choices]) =>
        `    ${flags.map((flag) => `"${place.path} ${flag}"`).join('|')}) echo "${choices.join(' ')}" ;;`,
    ),
  )
  .join('\n')}
    *) return 1 ;;
  esac
}`;

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (all: readonly Place[]) => string>> = {
  bash: (all) => `# weir completion bash > /etc/bash_completion.d/weir
_weir() {
  local path="" flag="" word next current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$flag" ]; then flag=""; continue; fi
    case "$word" in
      -*) _weir_values "$path" "$word" >/dev/null && flag="$word" ;;
      *) next="\${path:+$path }$word"; _weir_words "$next" >/dev/null && path="$next" ;;
    esac
  done
  if [ -n "$flag" ]; then COMPREPLY=($(compgen -W "$(_weir_values "$path" "$flag")" -- "$current"))
  else COMPREPLY=($(compgen -W "$(_weir_words "$path")" -- "$current")); fi
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}
${tables(all)}
complete -F _weir weir
`,
  // The file is the body of the function that it defines, when zsh loads it out of fpath: then it is called at once. Read by hand it is registered.
  zsh: (all) => `#compdef weir
# weir completion zsh > "\${fpath[1]}/_weir"
_weir() {
  local place="" flag="" word next
  local -a offers
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n "$flag" ]]; then flag=""; continue; fi
    case "$word" in
      -*) _weir_values "$place" "$word" >/dev/null && flag="$word" ;;
      *) next="\${place:+$place }$word"; _weir_words "$next" >/dev/null && place="$next" ;;
    esac
  done
  if [[ -n "$flag" ]]; then offers=(\${=$(_weir_values "$place" "$flag")})
  else offers=(\${=$(_weir_words "$place")}); fi
  compadd -a offers || _files
}
${tables(all)}
if [[ "\${funcstack[1]}" == _weir ]]; then _weir "$@"; else compdef _weir weir; fi
`,
  fish: (all) => `# weir completion fish > ~/.config/fish/completions/weir.fish
function __weir_offers
  set -l path ''
  set -l flag ''
  set -l words (commandline -opc)
  for word in $words[2..-1]
    if test -n "$flag"
      set flag ''
      continue
    end
    if string match -q -- '-*' $word
      __weir_values "$path $word" >/dev/null; and set flag $word
    else
      set -l next (string trim -- "$path $word")
      __weir_words $next >/dev/null; and set path $next
    end
  end
  set -l offers
  if test -n "$flag"
    set offers (__weir_values "$path $flag" | string split -n ' ')
  else
    set offers (__weir_words $path | string split -n ' ')
  end
  set -l current (commandline -ct)
  # Quoted, so that nothing in it is a pattern.
  set -l fitting (string match -r -- '^'(string escape --style=regex -- "$current")'.*' $offers)
  if test (count $fitting) -gt 0
    printf '%s\\n' $fitting
  else
    __fish_complete_path "$current"
  end
end
function __weir_words
  switch "$argv"
${all.map(({ path, words }) => `    case '${path}'\n      echo ${words.join(' ')}`).join('\n')}
    case '*'
      return 1
  end
end
function __weir_values
  switch "$argv"
${all
  .flatMap((place) =>
    grouped(place).map(
      ([flags, choices]) =>
        `    case ${flags.map((flag) => `'${place.path} ${flag}'`).join(' ')}\n      echo ${choices.join(' ')}`,
    ),
  )
  .join('\n')}
    case '*'
      return 1
  end
end
complete -c weir -e
complete -c weir -f -a '(__weir_offers)'
`,
  powershell: (all) => `# weir completion powershell | Out-String | Invoke-Expression
$weirWords = @{
${all.map(({ path, words }) => `  '${path}' = @(${words.map((word) => `'${word}'`).join(', ')})`).join('\n')}
}
$weirValues = @{
${all
  .flatMap(({ path, values }) =>
    [...values].map(
      ([flag, choices]) => `  '${path} ${flag}' = @(${choices.map((choice) => `'${choice}'`).join(', ')})`,
    ),
  )
  // Keys are the same whatever their case, and -o and -O take different things: the first one stands.
  .filter((line, at, lines) => {
    const key = (one: string): string => one.slice(0, one.indexOf(' = ')).toLowerCase();
    return lines.findIndex((other) => key(other) === key(line)) === at;
  })
  .join('\n')}
}
Register-ArgumentCompleter -Native -CommandName weir -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $path = ''
  $flag = ''
  $elements = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($wordToComplete -ne '' -and $elements.Count -gt 0) { $elements = @($elements | Select-Object -SkipLast 1) }
  foreach ($element in $elements) {
    if ($flag -ne '') { $flag = ''; continue }
    if ($element.StartsWith('-')) { if ($weirValues.ContainsKey("$path $element")) { $flag = $element }; continue }
    $next = ("$path $element").Trim()
    if ($weirWords.ContainsKey($next)) { $path = $next }
  }
  $words = if ($flag -ne '') { $weirValues["$path $flag"] } else { $weirWords[$path] }
  $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`,
};
