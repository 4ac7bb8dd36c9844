import type { CommandSpec, OptionSpec } from '../command.js';
import { LIMITS } from './table-service.js';

const TOPIC: readonly (readonly [string, string])[] = [['<topic>', 'topic']];
const CHANGE: readonly OptionSpec[] = [
  ...LIMITS,
  {
    flags: '--verify <how>',
    about:
      'how the copy is verified: readback (default), full, or write-side: read back only when the cutover is asked for',
    choices: ['write-side', 'readback', 'full'],
  },
  { flags: '--no-cutover', about: 'stop when ready: weir op cutover switches' },
  { flags: '--rollback-window <duration>', about: 'how long the way back stays open after the switch' },
  { flags: '--one-way', about: 'do not keep the old side current after the switch' },
];
const GROUP_MODE: OptionSpec = {
  flags: '--group-mode <mode>',
  about: 'groups without an exact translation: exact (refuse), drain (wait, default), duplicates (they repeat records)',
  choices: ['exact', 'drain', 'duplicates'],
};
const REQUEST: OptionSpec = {
  flags: '-f, --file <file>',
  about: 'more of the request, YAML or JSON; flags come first',
};

const flip = (name: string, about: string): CommandSpec => ({
  name,
  kind: 'Topic',
  about,
  examples: [[`weir topic ${name} orders`, 'one topic']],
  args: TOPIC,
  load: async () => (await import('./topics.js')).change(name),
});

/** Topics and their records. */
export const TOPICS: CommandSpec = {
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
      examples: [
        ['weir topic describe orders', 'state and settings'],
        ['weir topic describe orders --groups', 'who reads it, and how far behind'],
      ],
      args: TOPIC,
      options: [
        { flags: '--partitions', about: 'partition by partition' },
        { flags: '--groups', about: 'who reads it, with lag in records and seconds' },
        { flags: '--storage', about: 'what it takes on disk, and for how long' },
      ],
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
      about: 'Delete a topic softly; weir topic restore undoes it. An old name of a topic is given up alone.',
      examples: [
        ['weir topic delete orders', 'softly'],
        ['weir topic delete orders --dry-run', 'what would go'],
      ],
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
        [`weir topic consume orders --filter 'value.total > 100 && has(value.country)'`, 'by a condition'],
      ],
      args: [['<topic>', 'topic or topic/partition']],
      options: [
        { flags: '--from <position>', about: 'start (default), end, N, +N, -N, A:B, @time, @T1:T2, @-1h' },
        { flags: '--until <position>', about: 'where to end' },
        { flags: '-n, --number <n>', about: 'this many' },
        { flags: '--follow', about: 'go on as records come' },
        { flags: '--key <key>', about: 'with this key' },
        {
          flags: '--filter <expr>',
          about: 'of which this holds: value.country=NO, or CEL; may be repeated, and all must hold',
          repeat: true,
        },
        { flags: '--decode <how>', about: 'auto, raw (base64), hex', choices: ['auto', 'raw', 'hex'] },
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
          'slowly, and wait for weir op cutover when it is ready',
        ],
      ],
      args: TOPIC,
      options: [
        { flags: '--partitions <n>', about: 'how many; up or down' },
        { flags: '--key <expr>', about: 'another key, as value.customer' },
        {
          flags: '--key-strategy <name>',
          about: 'how keys are placed: murmur2, crc32, fnv1a, or as suggested for heavy keys',
          choices: ['murmur2', 'crc32', 'fnv1a', 'suggested'],
        },
        { flags: '--groups <list>', about: 'groups that come along: all (default), or names with commas between' },
        GROUP_MODE,
        ...CHANGE,
        REQUEST,
      ],
      load: async () => (await import('./topic-changes.js')).repartition,
    },
    {
      name: 'migrate',
      kind: 'Operation',
      about: 'Another form of the records of a live topic, or another name for it; the old one leads there.',
      examples: [
        ['weir topic migrate orders --to purchases --wait', 'rename it while it is written and read'],
        ['weir topic migrate orders -f migration.yaml --dry-run', 'the plan with its rehearsal'],
        ['weir topic migrate orders -f migration.yaml --wait', 'do it'],
        ['weir topic migrate bills credits -f migration.yaml --wait', 'both in one step, or none'],
      ],
      args: [['<topic...>', 'topic; with -f several are switched together']],
      options: [
        { flags: '--to <name>', about: 'another name; without -f', repeat: true },
        GROUP_MODE,
        ...CHANGE,
        REQUEST,
      ],
      load: async () => (await import('./topic-changes.js')).migrate,
    },
    {
      name: 'move',
      kind: 'Operation',
      about: 'To another cluster, while it is written and read; several topics in one step.',
      examples: [
        ['weir topic move orders --to production', 'plan, show, ask, start'],
        ['weir topic move orders payments --to production --wait', 'both or none'],
      ],
      args: [['<topic...>', 'topics; several are switched together']],
      options: [{ flags: '--to <cluster>', about: 'cluster of the configuration', required: true }, ...CHANGE],
      load: async () => (await import('./topic-changes.js')).move,
    },
  ],
};
