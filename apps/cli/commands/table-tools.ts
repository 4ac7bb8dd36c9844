import type { CommandSpec } from '../command.js';

/** What is about the command itself. */
export const TOOL_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'api',
    kind: 'ApiAnswer',
    about: 'A raw call with the token.',
    examples: [
      ['weir api GET /v1/topics', 'what no command has'],
      ['weir api POST /v1/topics -d \'{"name": "orders"}\'', 'with a body'],
      ['weir api PUT /config -d @config.json', 'out of a file'],
    ],
    args: [
      ['<method>', 'GET, POST, PUT, PATCH, DELETE'],
      ['<path>', 'path with query'],
    ],
    options: [
      { flags: '-d, --data <text>', about: 'body; @file, or - for stdin' },
      { flags: '-H, --header <line>', about: 'a header; may be repeated', repeat: true },
    ],
    load: async () => (await import('./api.js')).api,
  },
  {
    name: 'doctor',
    kind: 'Doctor',
    about: 'Looks whether everything is in order: service, versions, clock, permissions, git.',
    examples: [['weir doctor', 'when something does not work']],
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    name: 'explain',
    kind: 'Rule',
    about: 'A rule that a finding cites, a code that an error carries, or an exit code.',
    examples: [
      ['weir explain avro/reader-field-missing-default', 'a rule'],
      ['weir explain plan-stale', 'a code of an error'],
      ['weir explain 4', 'an exit code'],
      ['weir explain --list', 'all rules'],
    ],
    args: [['[code]', 'rule id, code of an error, or exit code']],
    options: [{ flags: '--list', about: 'all rules' }],
    load: async () => (await import('./explain.js')).explain,
  },
  {
    name: 'context',
    about: 'Named targets.',
    examples: [
      ['weir context set staging --url https://weir.staging.example', 'make one'],
      ['weir context use staging', 'choose it'],
      ['weir -c staging schema list', 'use it once'],
    ],
    commands: [
      {
        name: 'list',
        kind: 'Contexts',
        about: 'The targets there are.',
        examples: [['weir context list', 'all of them']],
        load: async () => (await import('./contexts.js')).contextList,
      },
      {
        name: 'show',
        kind: 'Context',
        about: 'One target.',
        examples: [['weir context show', 'the chosen one']],
        args: [['[name]', 'context']],
        load: async () => (await import('./contexts.js')).contextShow,
      },
      {
        name: 'use',
        kind: 'Context',
        about: 'Choose a target.',
        examples: [['weir context use staging', 'from now on']],
        args: [['<name>', 'context']],
        load: async () => (await import('./contexts.js')).contextUse,
      },
      {
        name: 'set',
        kind: 'Context',
        about: 'Make or change a target. Secrets are in files: --token-file.',
        examples: [
          [
            'weir context set prod --url https://weir.example --production --token-file ~/.weir/prod',
            'destructive commands ask for its name',
          ],
        ],
        args: [['<name>', 'context']],
        options: [
          { flags: '--url <url>', about: 'address of the service' },
          { flags: '--label <text>', about: 'for people' },
          { flags: '--cluster-id <id>', about: 'what the service must be; a mismatch stops everything' },
          { flags: '--token-file <file>', about: 'file with the token, mode 0600' },
          { flags: '--ca-file <file>', about: 'certificates to trust' },
          { flags: '--production', about: 'ask for the name before destructive commands' },
          { flags: '--no-production', about: 'ask no more' },
        ],
        load: async () => (await import('./contexts.js')).contextSet,
      },
    ],
  },
  {
    name: 'login',
    kind: 'Login',
    about: 'Keep the token of the chosen context in a file of mode 0600. The token comes from standard input.',
    examples: [
      ['weir login < token', 'the chosen context'],
      ['weir -c prod login < token', 'another one'],
    ],
    load: async () => (await import('./login.js')).login,
  },
  {
    name: 'logout',
    kind: 'Logout',
    about: 'Forget the token of the chosen context.',
    examples: [
      ['weir logout', 'of the chosen context'],
      ['weir -c prod logout', 'of that one'],
    ],
    load: async () => (await import('./login.js')).logout,
  },
  {
    name: 'whoami',
    kind: 'Principal',
    about: 'Who the service takes you for, and what you may.',
    examples: [['weir whoami', 'name, roles, scope']],
    load: async () => (await import('./login.js')).whoami,
  },
  {
    name: 'dev',
    kind: 'DevService',
    about:
      'Run an installed service on one port until Ctrl-C; what it holds is thrown away unless --data names a folder.',
    examples: [
      ['weir dev', 'at http://localhost:8081'],
      ['weir dev --port 0 --data ./data -o json', 'on a free port, on data that stay'],
    ],
    options: [
      { flags: '--data <folder>', about: 'where its data stay' },
      { flags: '--port <n>', about: '8081 unless given; 0 for a free one' },
      { flags: '--service <folder>', about: 'where the service is installed' },
      { flags: '--service-config <file>', about: 'configuration of the service; none unless given' },
    ],
    load: async () => (await import('./dev.js')).dev,
  },
  {
    name: 'config',
    about: 'Effective settings.',
    examples: [['weir config print', 'values and where they come from']],
    commands: [
      {
        name: 'print',
        kind: 'EffectiveConfig',
        about: 'Values and where they come from.',
        examples: [['weir config print', 'all of them']],
        load: async () => (await import('./contexts.js')).configPrint,
      },
    ],
  },
  {
    name: 'completion',
    kind: 'Completion',
    about: 'A completion script for a shell.',
    examples: [
      ['weir completion bash > /etc/bash_completion.d/weir', 'for bash'],
      ['weir completion fish > ~/.config/fish/completions/weir.fish', 'for fish'],
    ],
    args: [['<shell>', 'bash, zsh, fish or powershell']],
    load: async () => (await import('./completion.js')).completion,
  },
  {
    name: 'schema-of',
    kind: 'JsonSchema',
    about: 'The JSON Schema of what a command prints with -o json.',
    examples: [
      ['weir schema-of check', 'of one command'],
      ['weir schema-of schema list', 'of one below another'],
    ],
    args: [['<command...>', 'the command']],
    load: async () => (await import('./schema-of.js')).schemaOf,
  },
  {
    name: 'version',
    kind: 'Version',
    about: 'The version of this command; with -v that of the service, too.',
    examples: [
      ['weir version', 'this command'],
      ['weir version -v', 'and the service'],
    ],
    load: async () => (await import('./explain.js')).version,
  },
];
