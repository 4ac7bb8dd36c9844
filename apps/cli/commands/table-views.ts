import type { CommandSpec } from '../command.js';
import { LIMITS } from './table-service.js';

const DERIVATION: readonly (readonly [string, string])[] = [['<derivation>', 'derivation, by the name of its topic']];

const MADE: readonly CommandSpec[] = (['latest', 'versioned'] as const).map((kind) => ({
  name: kind,
  kind: 'Operation',
  about: kind === 'latest' ? 'The latest state per key.' : 'Every state of a key, numbered.',
  examples: [[`weir derive ${kind} orders --into orders-${kind}`, 'plan, show, ask, start']] as const,
  args: [['<topic>', 'topic']],
  options: [
    { flags: '--into <name>', about: 'name of the derivation and its topic', required: true },
    { flags: '--order-by <what>', about: 'offset, timestamp, field:PATH, header:NAME' },
    ...(kind === 'latest'
      ? [{ flags: '--key <expr>', about: 'another key, as value.customer; with --order-by timestamp, field or header' }]
      : []),
    {
      flags: '--schema-version <n>',
      about: 'read values with this version of the value schema, and write them with it',
    },
    { flags: '--backfill', about: 'with what the topic has already (default)' },
    { flags: '--no-backfill', about: 'from what comes from now on alone' },
    ...LIMITS,
    { flags: '-f, --file <file>', about: 'more of the request, YAML or JSON' },
  ],
  load: async () => (await import('./derivations.js')).derive(kind),
}));

/** Streams computed from others. */
export const DERIVATIONS: CommandSpec = {
  name: 'derive',
  about: 'Streams computed from others, continuously.',
  examples: [
    ['weir derive latest orders --into orders-latest', 'the latest state per key'],
    ['weir derive list', 'what runs, and how far behind'],
  ],
  commands: [
    ...MADE,
    {
      name: 'list',
      kind: 'DerivationList',
      about: 'Derivations.',
      examples: [['weir derive list', 'all of them']],
      load: async () => (await import('./derivations.js')).list,
    },
    {
      name: 'describe',
      kind: 'Derivation',
      about: 'One derivation.',
      examples: [['weir derive describe orders-latest', 'state, lag, completeness']],
      args: DERIVATION,
      load: async () => (await import('./derivations.js')).describe,
    },
    {
      name: 'pause',
      kind: 'Derivation',
      about: 'Rest.',
      examples: [['weir derive pause orders-latest', 'until it is resumed']],
      args: DERIVATION,
      load: async () => (await import('./derivations.js')).change('pause'),
    },
    {
      name: 'resume',
      kind: 'Derivation',
      about: 'Go on.',
      examples: [['weir derive resume orders-latest', 'after a pause']],
      args: DERIVATION,
      load: async () => (await import('./derivations.js')).change('resume'),
    },
    {
      name: 'rebuild',
      kind: 'Operation',
      about: 'Compute it anew beside the present stream, compare both, and switch.',
      examples: [['weir derive rebuild orders-latest --wait', 'stops where they differ']],
      args: DERIVATION,
      options: [
        {
          flags: '--on-difference <what>',
          about: 'where the new stream is another one: stop (default), switch',
          choices: ['stop', 'switch'],
        },
        { flags: '--no-cutover', about: 'stop when ready: weir op cutover switches' },
        ...LIMITS,
      ],
      load: async () => (await import('./derivations.js')).rebuild,
    },
    {
      name: 'erase',
      kind: 'Operation',
      about: 'Erase keys from a derived stream: a copy without them takes its name, and finish deletes the rest.',
      examples: [['weir derive erase orders-latest --key o1 --wait', 'one key']],
      args: DERIVATION,
      options: [
        { flags: '--key <key>', about: 'text, or base64: and bytes; may be repeated', repeat: true, required: true },
        { flags: '--no-cutover', about: 'stop when ready: weir op cutover switches' },
        ...LIMITS,
      ],
      load: async () => (await import('./derivations.js')).erase,
    },
    {
      name: 'delete',
      kind: 'DeletedDerivation',
      about: 'Delete a derivation with its topic.',
      examples: [['weir derive delete orders-latest', 'asks first']],
      args: DERIVATION,
      load: async () => (await import('./derivations.js')).remove,
    },
  ],
};

const VIEW: readonly (readonly [string, string])[] = [['<view>', 'view']];
const VERSION: readonly (readonly [string, string])[] = [
  ['<view>', 'view'],
  ['[version]', 'the draft unless given'],
];
/** Tables computed from topics. */
export const VIEWS: CommandSpec = {
  name: 'view',
  about: 'Tables computed from topics.',
  examples: [['weir view query revenue --order sum.desc --limit 5', 'ask one']],
  commands: [
    {
      name: 'list',
      kind: 'ViewList',
      about: 'Views.',
      examples: [['weir view list', 'all of them']],
      load: async () => (await import('./views.js')).list,
    },
    {
      name: 'describe',
      kind: 'View',
      about: 'One view.',
      examples: [['weir view describe revenue', 'state, lag, columns']],
      args: VIEW,
      load: async () => (await import('./views.js')).describe,
    },
    {
      name: 'create',
      kind: 'View',
      about:
        'Declare a view, or change one: in place where that only adds what is known for its rows, else as another version.',
      examples: [
        ['weir view create revenue -f revenue.yaml', 'as docs/views.md has it'],
        ['weir view create revenue -f revenue.yaml --dry-run', 'what would become of it, column by column'],
      ],
      args: VIEW,
      options: [{ flags: '-f, --file <file>', about: 'declaration, YAML or JSON' }],
      load: async () => (await import('./views.js')).create,
    },
    {
      name: 'query',
      kind: 'ViewRows',
      about: 'Rows of a view.',
      examples: [['weir view query revenue --where country=eq.NO', 'by a column']],
      args: VIEW,
      options: [
        { flags: '--where <filter>', about: 'COLUMN=OP.VALUE; may be repeated', repeat: true },
        { flags: '--order <columns>', about: 'as sum.desc,name' },
        { flags: '--select <columns>', about: 'only these' },
        { flags: '--limit <n>', about: 'this many' },
        { flags: '--cursor <cursor>', about: 'the page after' },
      ],
      load: async () => (await import('./views.js')).query,
    },
    {
      name: 'versions',
      kind: 'ViewVersions',
      about: 'Versions that stand side by side, and which one is asked.',
      examples: [['weir view versions revenue', 'active, draft, previous']],
      args: VIEW,
      load: async () => (await import('./view-versions.js')).versions,
    },
    {
      name: 'rebuild',
      kind: 'Operation',
      about:
        'Build another version beside the active one, compare both, and let queries see it; or some rows in place.',
      examples: [
        ['weir view rebuild revenue --wait', 'the same declaration anew; stops where rows differ'],
        ['weir view rebuild revenue -f revenue.yaml --no-cutover', 'another one; weir op cutover switches'],
        ['weir view rebuild revenue --key NO', 'the rows of one key, in place'],
      ],
      args: VIEW,
      options: [
        { flags: '-f, --file <file>', about: 'another declaration, YAML or JSON' },
        { flags: '--key <key>', about: 'only its rows; text, or json: and a value; may be repeated', repeat: true },
        { flags: '--partition <n>', about: 'only rows of keys with records in it; may be repeated', repeat: true },
        { flags: '--range <positions>', about: 'only rows of keys with records there: A:B, @T1:@T2, @-1h' },
        { flags: '--topic <topic>', about: 'whose; the first one of the view unless given' },
        {
          flags: '--on-difference <what>',
          about: 'where the same declaration comes to other rows: stop (default), switch',
          choices: ['stop', 'switch'],
        },
        { flags: '--incomplete', about: 'also when older records of its topics are gone' },
        { flags: '--no-cutover', about: 'stop when ready: weir op cutover switches' },
        { flags: '--rollback-window <duration>', about: 'how long the way back stays open' },
        ...LIMITS,
      ],
      load: async () => (await import('./view-versions.js')).rebuild,
    },
    {
      name: 'verify',
      kind: 'ViewComparison',
      about: 'Compare the rows of a version with those of the active one; exit 1 where they differ.',
      examples: [['weir view verify revenue', 'the draft']],
      args: VERSION,
      load: async () => (await import('./view-versions.js')).verify,
    },
    {
      name: 'activate',
      kind: 'View',
      about: 'Let queries see another version, at once.',
      examples: [
        ['weir view activate revenue', 'the draft'],
        ['weir view activate revenue 3 --patience 30s', 'as soon as it has read everything'],
      ],
      args: VERSION,
      options: [
        { flags: '--incomplete', about: 'also when older records of its topics are gone' },
        { flags: '--patience <duration>', about: 'how long it may take to read the rest, 30s at most' },
      ],
      load: async () => (await import('./view-versions.js')).activate,
    },
    {
      name: 'rollback',
      kind: 'View',
      about: 'Let queries see the version before again.',
      examples: [['weir view rollback revenue', 'undoes an activation']],
      args: VIEW,
      load: async () => (await import('./view-versions.js')).rollback,
    },
    {
      name: 'retire',
      kind: 'RetiredView',
      about: 'Remove a version that is not asked, with its rows.',
      examples: [['weir view retire revenue 2', 'asks first']],
      args: [
        ['<view>', 'view'],
        ['<version>', 'version'],
      ],
      load: async () => (await import('./view-versions.js')).retire,
    },
    {
      name: 'pause',
      kind: 'View',
      about: 'Rest.',
      examples: [['weir view pause revenue', 'until it is resumed']],
      args: VIEW,
      load: async () => (await import('./views.js')).change('pause'),
    },
    {
      name: 'resume',
      kind: 'View',
      about: 'Go on.',
      examples: [['weir view resume revenue', 'after a pause']],
      args: VIEW,
      load: async () => (await import('./views.js')).change('resume'),
    },
    {
      name: 'delete',
      kind: 'DeletedView',
      about: 'Delete a view.',
      examples: [['weir view delete revenue', 'its table, not its topics']],
      args: VIEW,
      load: async () => (await import('./views.js')).remove,
    },
  ],
};
