import { argument, type CommandSpec, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { COMMANDS } from './table.js';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
const GLOBAL = [
  '--server',
  '--context',
  '--config',
  '--output',
  '--output-file',
  '--quiet',
  '--verbose',
  '--color',
  '--no-input',
  '--yes',
  '--dry-run',
  '--wait',
  '--timeout',
  '--help',
];

/** Words that may follow: `path → words`, for the whole tree. Static, so that completing asks nobody. */
function words(commands: readonly CommandSpec[], path = ''): readonly (readonly [string, readonly string[]])[] {
  const here = [...commands.map(({ name }) => name), ...(path === '' ? GLOBAL : [])];
  return [
    [path, here],
    ...commands.flatMap(({ name, commands: below = [], options = [] }) => {
      const own = path === '' ? name : `${path} ${name}`;
      if (below.length > 0) return words(below, own);
      return [[own, [...options.flatMap(({ flags }) => /--[\w-]+/.exec(flags) ?? []), ...GLOBAL]] as const];
    }),
  ];
}

export const completion: Handler = async (invocation) => {
  const shell = argument(invocation, 0);
  const known = SHELLS.find((one) => one === shell);
  if (known === undefined)
    throw usage('shell-unknown', `'${shell}' is no shell that is known here.`, `One of ${SHELLS.join(', ')}.`);
  const all = words(COMMANDS);
  return { kind: 'Completion', data: Object.fromEntries(all), raw: SCRIPTS[known](all) };
};

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (all: ReturnType<typeof words>) => string>> = {
  bash: (all) => `# weir completion bash > /etc/bash_completion.d/weir
_weir() {
  local path="" word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case "$word" in -*) ;; *) next="\${path:+$path }$word"; _weir_words "$next" >/dev/null && path="$next" ;; esac; done
  COMPREPLY=($(compgen -W "$(_weir_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
_weir_words() {
  case "$1" in
${all.map(([path, some]) => `    "${path}") echo "${some.join(' ')}" ;;`).join('\n')}
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
  .map(([path, some]) => {
    const steps = path.split(' ').filter((step) => step !== '');
    const condition =
      steps.length === 0
        ? '__fish_use_subcommand'
        : steps.map((step) => `__fish_seen_subcommand_from ${step}`).join('; and ');
    return some
      .map((word) =>
        word.startsWith('--')
          ? `complete -c weir -n '${condition}' -l ${word.slice(2)}`
          : `complete -c weir -f -n '${condition}' -a ${word}`,
      )
      .join('\n');
  })
  .join('\n')}
`,
  powershell: (all) => `# weir completion powershell | Out-String | Invoke-Expression
$weirWords = @{
${all.map(([path, some]) => `  '${path}' = @(${some.map((word) => `'${word}'`).join(', ')})`).join('\n')}
}
Register-ArgumentCompleter -Native -CommandName weir -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $path = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $next = ("$path $element").Trim()
    if ($weirWords.ContainsKey($next)) { $path = $next }
  }
  $weirWords[$path] | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`,
};
