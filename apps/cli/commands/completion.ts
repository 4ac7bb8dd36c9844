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

/** `weir schema-of COMMAND`: the JSON Schema of what it prints with `-o json`. */
export const schemaOf: Handler = async (invocation) => {
  const path = invocation.args[0] as readonly string[];
  const spec = found(COMMANDS, path);
  if (spec?.load === undefined)
    throw usage('command-unknown', `There is no command '${path.join(' ')}'.`, 'weir --help lists the commands.');
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...envelopeSchema(spec.kind ?? 'Result') };
  return { kind: 'JsonSchema', data: schema, raw: `${JSON.stringify(schema, null, 2)}\n` };
};

function found(commands: readonly CommandSpec[], [first, ...rest]: readonly string[]): CommandSpec | undefined {
  const one = commands.find(({ name }) => name === first);
  return one === undefined || rest.length === 0 ? one : found(one.commands ?? [], rest);
}

const nullable = (type: string) => ({ type: [type, 'null'] });
const FINDING = {
  type: 'object',
  required: [
    'ruleId',
    'level',
    'direction',
    'subject',
    'againstVersion',
    'path',
    'location',
    'before',
    'after',
    'message',
    'help',
    'helpUrl',
    'fingerprint',
    'waiver',
  ],
  properties: {
    ruleId: { type: 'string' },
    level: { enum: ['error', 'warning', 'info'] },
    direction: { enum: ['backward', 'forward', 'full', null] },
    subject: { type: 'string' },
    againstVersion: nullable('integer'),
    path: { type: 'string' },
    location: {
      type: 'object',
      required: ['file', 'startLine', 'startColumn', 'endLine', 'endColumn'],
      properties: {
        file: { type: 'string' },
        startLine: nullable('integer'),
        startColumn: nullable('integer'),
        endLine: nullable('integer'),
        endColumn: nullable('integer'),
      },
    },
    before: nullable('string'),
    after: nullable('string'),
    message: { type: 'string' },
    help: nullable('string'),
    helpUrl: nullable('string'),
    fingerprint: { type: 'string', pattern: '^[0-9a-f]{16}$' },
    waiver: { type: ['object', 'null'], required: ['owner', 'reason', 'expires'] },
  },
};
const REPORT = {
  type: 'object',
  required: ['against', 'failOn', 'passed', 'counts', 'schemas', 'findings', 'leftOut'],
  properties: {
    against: nullable('string'),
    failOn: { enum: ['error', 'warning', 'info'] },
    passed: { type: 'boolean' },
    counts: {
      type: 'object',
      required: ['error', 'warning', 'info', 'waived'],
      additionalProperties: { type: 'integer' },
    },
    schemas: {
      type: 'array',
      items: { type: 'object', required: ['subject', 'file', 'status', 'level', 'levelOrigin', 'comparedWith'] },
    },
    findings: { type: 'array', items: FINDING },
    leftOut: { type: 'integer' },
  },
};
const DATA: Readonly<Record<string, object>> = {
  CheckReport: REPORT,
  LintReport: REPORT,
  Plan: {
    type: 'object',
    required: ['server', 'hash', 'verdict', 'pending', 'blockers', 'changes', 'findings', 'requests'],
    properties: {
      verdict: { enum: ['ok', 'blocked'] },
      pending: { type: 'integer' },
      changes: { type: 'array' },
      findings: { type: 'array', items: FINDING },
    },
  },
};

/** The envelope of a kind; `data` is null where the command failed. */
export function envelopeSchema(kind: string): object {
  return {
    title: kind,
    type: 'object',
    required: ['apiVersion', 'kind', 'data', 'warnings', 'error'],
    properties: {
      apiVersion: { const: 'v1' },
      kind: { const: kind },
      data: DATA[kind] === undefined ? {} : { anyOf: [DATA[kind], { type: 'null' }] },
      warnings: { type: 'array', items: { type: 'string' } },
      error: {
        anyOf: [
          { type: 'null' },
          {
            type: 'object',
            required: ['code', 'message', 'hint', 'request_id', 'findings'],
            properties: {
              code: { type: 'string' },
              message: { type: 'string' },
              hint: nullable('string'),
              request_id: nullable('string'),
              findings: { type: 'array' },
            },
          },
        ],
      },
    },
  };
}
