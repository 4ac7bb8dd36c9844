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
_weir_words() {
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
}
complete -F _weir weir
`,
  zsh: (all) => `#compdef weir
# weir completion zsh > "\${fpath[1]}/_weir"
autoload -U +X bashcompinit && bashcompinit
${SCRIPTS.bash(all)}`,
  fish: (all) => `# weir completion fish > ~/.config/fish/completions/weir.fish
complete -c weir -e
${all
  .map(({ path, words, values }) => {
    const steps = path.split(' ').filter((step) => step !== '');
    const condition =
      steps.length === 0
        ? '__fish_use_subcommand'
        : steps.map((step) => `__fish_seen_subcommand_from ${step}`).join('; and ');
    const taken = (flag: string): string => {
      const choices = values.get(flag);
      if (choices === undefined) return '';
      return choices.length === 0 ? ' -r' : ` -x -a '${choices.join(' ')}'`;
    };
    return words
      .map((word) =>
        word.startsWith('--')
          ? `complete -c weir -n '${condition}' -l ${word.slice(2)}${taken(word)}`
          : `complete -c weir -f -n '${condition}' -a ${word}`,
      )
      .join('\n');
  })
  .join('\n')}
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
