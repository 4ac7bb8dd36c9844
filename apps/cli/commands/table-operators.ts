import type { CommandSpec, OptionSpec } from '../command.js';
import { ADMIN, LIMITS, OPERATIONS } from './table-service.js';

const TOPIC: readonly (readonly [string, string])[] = [['<topic>', 'topic']];
const CHANGE: readonly OptionSpec[] = [
  ...LIMITS,
  {
    flags: '--groups <mode>',
    about: 'how groups get their positions: exact, drain, duplicates',
    choices: ['exact', 'drain', 'duplicates'],
  },
  { flags: '--verify <how>', about: 'how the copy is verified', choices: ['readback', 'full'] },
  { flags: '--no-cutover', about: 'stop when ready: weir op cutover switches' },
  { flags: '-f, --file <file>', about: 'more of the request, YAML or JSON' },
];

const flip = (name: string, about: string): CommandSpec => ({
  name,
  kind: 'Topic',
  about,
  examples: [[`weir topic ${name} orders`, 'one topic']],
  args: TOPIC,
  load: async () => (await import('./topics.js')).change(name),
});

const TOPICS: CommandSpec = {
  name: 'topic',
  about: 'Topics and their records.',
  examples: [
    ['weir topic create orders --partitions 24', 'make one'],
    ['weir topic consume orders --from -10', 'the last ten records of each partition'],
    ['weir topic repartition orders --partitions 48 --wait', 'more partitions, key order kept'],
  ],
  commands: [
    {
      name: 'list',
      kind: 'TopicList',
      about: 'Topics.',
      examples: [['weir topic list --search orders', 'by name']],
      options: [
        { flags: '--search <text>', about: 'whose name holds this' },
        { flags: '--deleted', about: 'those deleted softly' },
      ],
      load: async () => (await import('./topics.js')).list,
    },
    {
      name: 'describe',
      kind: 'Topic',
      about: 'One topic.',
      examples: [['weir topic describe orders --partitions', 'partition by partition']],
      args: TOPIC,
      options: [{ flags: '--partitions', about: 'partition by partition' }],
      load: async () => (await import('./topics.js')).describe,
    },
    {
      name: 'create',
      kind: 'Topic',
      about: 'Make a topic.',
      examples: [['weir topic create orders --partitions 24 --set retention.ms=604800000', 'with settings']],
      args: TOPIC,
      options: [
        { flags: '--partitions <n>', about: 'how many' },
        { flags: '--set <name=value>', about: 'a setting; may be repeated', repeat: true },
      ],
      load: async () => (await import('./topics.js')).create,
    },
    {
      name: 'config',
      kind: 'TopicConfig',
      about: 'Settings of a topic: shown, set, unset.',
      examples: [
        ['weir topic config orders', 'value, source, default'],
        ['weir topic config orders --set retention.ms=86400000', 'change one'],
      ],
      args: TOPIC,
      options: [
        { flags: '--set <name=value>', about: 'may be repeated', repeat: true },
        { flags: '--unset <name>', about: 'may be repeated', repeat: true },
      ],
      load: async () => (await import('./topics.js')).config,
    },
    {
      name: 'delete',
      kind: 'DeletedTopic',
      about: 'Delete a topic softly; weir topic restore undoes it.',
      examples: [['weir topic delete orders', 'softly']],
      args: TOPIC,
      options: [
        { flags: '--permanent', about: 'for good' },
        { flags: '--force', about: 'even though something reads it' },
      ],
      load: async () => (await import('./topics.js')).remove,
    },
    flip('restore', 'Undo a soft deletion.'),
    flip('protect', 'Guard a topic against deletion.'),
    flip('unprotect', 'Take the guard away.'),
    flip('freeze', 'Stop writes.'),
    flip('unfreeze', 'Take writes again.'),
    {
      name: 'produce',
      kind: 'Produced',
      about: 'Write records: JSON lines from stdin or a file, encoded by the schema of the topic.',
      examples: [
        [`echo '{"key": "o1", "value": {"id": "o1"}}' | weir topic produce orders`, 'one record'],
        ['weir topic produce orders -f records.jsonl', 'a file'],
      ],
      args: [['<topic>', 'topic or topic/partition']],
      options: [
        { flags: '-f, --file <file>', about: 'instead of stdin' },
        { flags: '--values', about: 'each line is a value' },
        { flags: '--key-format <format>', about: 'auto, schema, json, text, binary' },
        { flags: '--value-format <format>', about: 'auto, schema, json, text, binary' },
      ],
      load: async () => (await import('./topic-records.js')).produce,
    },
    {
      name: 'consume',
      kind: 'Records',
      about: 'Read records, decoded, one a line.',
      examples: [
        ['weir topic consume orders --from @-1h', 'of the last hour'],
        ['weir topic consume orders --from end --follow', 'as they come'],
        ['weir topic consume orders --filter value.country=NO -n 5', 'the first five that fit'],
      ],
      args: [['<topic>', 'topic or topic/partition']],
      options: [
        { flags: '--from <position>', about: 'start (default), end, N, +N, -N, A:B, @time, @T1:T2, @-1h' },
        { flags: '--until <position>', about: 'where to end' },
        { flags: '-n, --number <n>', about: 'this many' },
        { flags: '--follow', about: 'go on as records come' },
        { flags: '--key <key>', about: 'with this key' },
        { flags: '--filter <expr>', about: 'of which this holds, as value.country=NO' },
        { flags: '--decode <how>', about: 'auto or raw', choices: ['auto', 'raw'] },
      ],
      load: async () => (await import('./topic-records.js')).consume,
    },
    {
      name: 'trim',
      kind: 'TrimmedTopic',
      about: 'Delete records before a position: shows what is lost, then asks.',
      examples: [
        ['weir topic trim orders --to @-7d', 'older than a week'],
        ['weir topic trim orders --to end --dry-run', 'only show'],
      ],
      args: [['<topic>', 'topic or topic/partition']],
      options: [{ flags: '--to <position>', about: 'the first record that stays', required: true }],
      load: async () => (await import('./topic-records.js')).trim,
    },
    {
      name: 'repartition',
      kind: 'Operation',
      about: 'Another number of partitions or another key, while it is written and read; key order is kept.',
      examples: [
        ['weir topic repartition orders --partitions 48', 'plan, show, ask, start'],
        [
          'weir topic repartition orders --partitions 6 --rate 20MB/s --no-cutover --wait',
          'slowly, and stop when ready',
        ],
      ],
      args: TOPIC,
      options: [
        { flags: '--partitions <n>', about: 'how many; up or down' },
        { flags: '--key <expr>', about: 'another key, as value.customer' },
        { flags: '--partitioner <name>', about: 'murmur2, crc32 or fnv1a' },
        ...CHANGE,
      ],
      load: async () => (await import('./topics.js')).repartition,
    },
    {
      name: 'migrate',
      kind: 'Operation',
      about: 'Another form of the records of a live topic.',
      examples: [
        ['weir topic migrate orders -f migration.yaml --dry-run', 'the plan with its rehearsal'],
        ['weir topic migrate orders -f migration.yaml --wait', 'do it'],
      ],
      args: TOPIC,
      options: CHANGE,
      load: async () => (await import('./topics.js')).migrate,
    },
  ],
};

const DERIVATIONS: CommandSpec = {
  name: 'derive',
  about: 'Streams computed from others, continuously.',
  examples: [['weir derive latest orders --into orders-latest', 'the latest state per key']],
  commands: (['latest', 'versioned'] as const).map((kind) => ({
    name: kind,
    kind: 'Operation',
    about: kind === 'latest' ? 'The latest state per key.' : 'Every state of a key, numbered.',
    examples: [[`weir derive ${kind} orders --into orders-${kind}`, 'plan, show, ask, start']] as const,
    args: TOPIC,
    options: [
      { flags: '--into <name>', about: 'name of the derivation and its topic', required: true },
      { flags: '--order-by <what>', about: 'offset, timestamp, field:PATH, header:NAME' },
      ...LIMITS,
      { flags: '-f, --file <file>', about: 'more of the request, YAML or JSON' },
    ],
    load: async () => (await import('./views.js')).derive(kind),
  })),
};

const VIEW: readonly (readonly [string, string])[] = [['<view>', 'view']];
const VIEWS: CommandSpec = {
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
      about: 'Declare a view.',
      examples: [['weir view create revenue -f revenue.yaml', 'as docs/views.md has it']],
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

const GROUP: readonly (readonly [string, string])[] = [['<group>', 'group']];
const GROUPS: CommandSpec = {
  name: 'group',
  about: 'Groups and their positions.',
  examples: [
    ['weir group describe billing', 'lag in records and seconds'],
    ['weir group seek billing --to @-1h --topic orders', 'show what moving it would do'],
  ],
  commands: [
    {
      name: 'list',
      kind: 'GroupList',
      about: 'Groups.',
      examples: [['weir group list', 'all of them']],
      options: [{ flags: '--state <state>', about: 'in this state' }],
      load: async () => (await import('./groups.js')).list,
    },
    {
      name: 'describe',
      kind: 'Group',
      about: 'Positions and lag of a group.',
      examples: [['weir group describe billing', 'partition by partition']],
      args: GROUP,
      load: async () => (await import('./groups.js')).describe,
    },
    {
      name: 'seek',
      kind: 'GroupSeek',
      about: 'Move a group: shows by default, --apply does it.',
      examples: [
        ['weir group seek billing --to start --topic orders', 'what would be repeated'],
        ['weir group seek billing --to @-1h --apply', 'do it'],
      ],
      args: GROUP,
      options: [
        { flags: '--to <position>', about: 'start, end, N, @time, @-1h', required: true },
        { flags: '--topic <topic>', about: 'only these; may be repeated', repeat: true },
        { flags: '--apply', about: 'do it' },
        { flags: '--force', about: 'put active members out' },
      ],
      load: async () => (await import('./groups.js')).seek,
    },
    {
      name: 'delete',
      kind: 'DeletedGroup',
      about: 'Delete a group with its positions.',
      examples: [['weir group delete billing', 'asks first']],
      args: GROUP,
      load: async () => (await import('./groups.js')).remove,
    },
  ],
};

/** What operators use. */
export const OPERATOR_COMMANDS: readonly CommandSpec[] = [TOPICS, DERIVATIONS, VIEWS, GROUPS, OPERATIONS, ADMIN];
