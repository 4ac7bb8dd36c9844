import type { CommandSpec, OptionSpec } from '../command.js';

const OPERATION: readonly (readonly [string, string])[] = [['<id>', 'operation']];
/** Limits of a long change. */
export const LIMITS: readonly OptionSpec[] = [
  { flags: '--rate <bytes/s>', about: 'limit, as 20MB/s; off for none' },
  { flags: '--records-rate <n>', about: 'limit in records a second; off for none' },
  { flags: '--max-lag <duration>', about: 'rest while a group is further behind; off for never' },
  {
    flags: '--max-produce <duration>',
    about: 'do less so that 99 of 100 writes take no longer, as 20ms; auto: than twice as long as without; off',
  },
];
const op = (name: string, about: string, options: readonly OptionSpec[] = []): CommandSpec => ({
  name,
  kind: 'Operation',
  about,
  examples: [
    [
      `weir op ${name} op_01J…${name === 'throttle' ? ' --rate 20MB/s' : ''}`,
      about.charAt(0).toLowerCase() + about.slice(1, -1),
    ],
  ],
  args: OPERATION,
  options,
  load: async () => (await import('./op.js')).command(name),
});

/** Long changes. */
export const OPERATIONS: CommandSpec = {
  name: 'op',
  about: 'Long changes: watched, steered, undone.',
  examples: [
    ['weir op list --state copying', 'what is going on'],
    ['weir op watch op_01J…', 'follow one'],
    ['weir op cutover op_01J…', 'switch'],
  ],
  commands: [
    {
      name: 'list',
      kind: 'OperationList',
      about: 'Operations, newest first.',
      examples: [['weir op list --since 1d', 'of the last day']],
      options: [
        { flags: '--state <state>', about: 'in this state' },
        { flags: '--kind <kind>', about: 'of this kind, as repartition' },
        { flags: '--topic <topic>', about: 'on this topic' },
        { flags: '--since <duration>', about: 'started within' },
        { flags: '--mine', about: 'started by me' },
      ],
      load: async () => (await import('./op.js')).list,
    },
    {
      name: 'get',
      kind: 'Operation',
      about: 'One operation with its progress.',
      examples: [['weir op get op_01J…', 'as it is now']],
      args: OPERATION,
      load: async () => (await import('./op.js')).get,
    },
    {
      name: 'watch',
      kind: 'Operation',
      about: 'Follow an operation until it is over or switched; exit 8 when it failed. Ctrl-C detaches.',
      examples: [
        ['weir op watch op_01J…', 'progress'],
        ['weir op watch op_01J… -o jsonl', 'every event as a line'],
      ],
      args: OPERATION,
      load: async () => (await import('./op.js')).watch,
    },
    {
      name: 'logs',
      kind: 'OperationHistory',
      about: 'What has happened to an operation.',
      examples: [['weir op logs op_01J…', 'its events']],
      args: OPERATION,
      load: async () => (await import('./op.js')).logs,
    },
    op('approve', 'Approve a plan that needs it.'),
    op('pause', 'Rest until it is resumed.'),
    op('resume', 'Go on, also after a failure.'),
    op('throttle', 'Change its limits while it runs.', LIMITS),
    op('verify', 'Verify the copy again.'),
    op('cutover', 'Switch to the new side.'),
    op('cancel-cutover', 'Take the wish to switch back.'),
    op('rollback', 'Go back to the old side.'),
    op('finish', 'Give the old side up.'),
    op('cancel', 'Give the change up; before the cutover it leaves no trace.'),
  ],
};

const ROLES = ['viewer', 'producer', 'registrar', 'operator', 'governor', 'admin'];
const TOKENS_FILE: OptionSpec = { flags: '--file <file>', about: 'tokens file of the service', required: true };
const BACKUP: readonly (readonly [string, string])[] = [['<id>', 'backup']];
/** The service as a whole. */
export const ADMIN: CommandSpec = {
  name: 'admin',
  about: 'The service as a whole.',
  examples: [
    ['weir admin status', 'is it ready?'],
    ['weir admin backup --wait', 'take a backup'],
    ['weir admin export -O registry.jsonl', 'the registry as a file'],
  ],
  commands: [
    {
      name: 'status',
      kind: 'ServiceStatus',
      about: 'Readiness, version, clusters; exit 1 when it is not ready.',
      examples: [['weir admin status', 'now']],
      load: async () => (await import('./work.js')).status,
    },
    {
      name: 'backups',
      kind: 'BackupList',
      about: 'Backups there are.',
      examples: [['weir admin backups', 'all of them']],
      load: async () => (await import('./work.js')).backupList,
    },
    {
      name: 'backup',
      kind: 'Backup',
      about: 'Take a backup.',
      examples: [['weir admin backup --wait', 'and wait for it']],
      options: [{ flags: '--full', about: 'share nothing with earlier ones' }],
      load: async () => (await import('./work.js')).backupCreate,
    },
    {
      name: 'verify',
      kind: 'Backup',
      about: 'Read a backup back.',
      examples: [['weir admin verify 20260102030405-0a1b2c3d --wait', 'every byte of it']],
      args: BACKUP,
      load: async () => (await import('./work.js')).onBackup('verify'),
    },
    {
      name: 'restore',
      kind: 'Backup',
      about: 'Replace what the service holds by a backup.',
      examples: [['weir admin restore 20260102030405-0a1b2c3d', 'asks first']],
      args: BACKUP,
      load: async () => (await import('./work.js')).onBackup('restore'),
    },
    {
      name: 'export',
      kind: 'RegistryExport',
      about: 'The registry as one file.',
      examples: [['weir admin export -O registry.jsonl', 'for weir admin import']],
      options: [
        { flags: '--as <format>', about: 'weir (default) or topic', choices: ['weir', 'topic'] },
        { flags: '--prefix <text>', about: 'subjects that begin so' },
      ],
      load: async () => (await import('./work.js')).exportRegistry,
    },
    {
      name: 'import',
      kind: 'Operation',
      about: 'Take a registry in, ids kept: one at an address, one the service knows, or a file.',
      examples: [
        ['weir admin import --from http://old:8081 --wait', 'read by this command'],
        ['weir admin import --from old --wait', 'a registry of the service’s configuration'],
        ['weir admin import -f registry.jsonl --wait', 'a file'],
      ],
      options: [
        { flags: '--from <registry>', about: 'address, or name in the service’s configuration' },
        { flags: '-f, --file <file>', about: 'file of weir admin export' },
        { flags: '--skip-conflicts', about: 'leave out what is in conflict' },
      ],
      load: async () => (await import('./work.js')).importRegistry,
    },
    {
      name: 'token',
      about: 'Tokens of the service: made, listed and revoked in the file that it reads.',
      examples: [
        ['weir admin token create ci --role registrar --expires 90d --file tokens.yaml', 'a token and its entry'],
        ['weir admin token list --file tokens.yaml', 'who has one'],
      ],
      commands: [
        {
          name: 'create',
          kind: 'Token',
          about: 'Make a token here, and the entry by which the service knows it. The token itself is kept by nobody.',
          examples: [
            ['weir admin token create ci --role registrar --expires 90d', 'shows both'],
            [
              'weir admin token create orders --role producer --scope topic=orders,orders.* --file tokens.yaml --token-file orders.token',
              'writes both',
            ],
          ],
          args: [['<name>', 'who has it; goes into logs']],
          options: [
            { flags: '--role <role>', about: 'what it may; may be repeated', choices: ROLES, repeat: true },
            { flags: '--expires <when>', about: '90d, or a time' },
            { flags: '--scope <kind=patterns>', about: 'as topic=orders,orders.*; may be repeated', repeat: true },
            { flags: '--file <file>', about: 'tokens file of the service that gets the entry' },
            { flags: '--token-file <file>', about: 'where the token goes, mode 0600, instead of being shown' },
          ],
          load: async () => (await import('./tokens.js')).create,
        },
        {
          name: 'list',
          kind: 'TokenList',
          about: 'Tokens of a file, without hashes.',
          examples: [['weir admin token list --file tokens.yaml', 'all of them']],
          options: [TOKENS_FILE],
          load: async () => (await import('./tokens.js')).list,
        },
        {
          name: 'revoke',
          kind: 'RevokedToken',
          about: 'Take a token out of the file.',
          examples: [['weir admin token revoke ci --file tokens.yaml', 'asks first']],
          args: [['<name>', 'token']],
          options: [TOKENS_FILE],
          load: async () => (await import('./tokens.js')).revoke,
        },
      ],
    },
  ],
};
