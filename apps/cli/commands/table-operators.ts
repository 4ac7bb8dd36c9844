import type { CommandSpec } from '../command.js';
import { ADMIN, OPERATIONS } from './table-service.js';
import { TOPICS } from './table-topics.js';
import { DERIVATIONS, VIEWS } from './table-views.js';

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
        { flags: '--force', about: 'end the leases of the group; members that are active have to be stopped' },
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

const LINEAGE_OPTIONS = [
  { flags: '--depth <n>', about: 'this many steps at most' },
  { flags: '--as <format>', about: 'dot or mermaid, for a picture', choices: ['dot', 'mermaid'] },
];
const LINEAGE_TOPIC: readonly (readonly [string, string])[] = [['<topic>', 'topic']];
const LINEAGE: CommandSpec = {
  name: 'lineage',
  about: 'Where the records of a topic come from and go: derived streams, views and groups.',
  examples: [
    ['weir lineage show orders', 'in both directions'],
    ['weir lineage impact orders', 'what a change of it reaches'],
  ],
  commands: [
    {
      name: 'show',
      kind: 'Lineage',
      about: 'What feeds a topic and what it feeds, with the steps between.',
      examples: [
        ['weir lineage show orders --direction up', 'what it is computed from'],
        ['weir lineage show orders --as mermaid', 'as a picture'],
      ],
      args: LINEAGE_TOPIC,
      options: [
        { flags: '--direction <way>', about: 'up or down; both when left out', choices: ['up', 'down'] },
        ...LINEAGE_OPTIONS,
      ],
      load: async () => (await import('./lineage.js')).show,
    },
    {
      name: 'impact',
      kind: 'Lineage',
      about: 'Everything that a change of a topic reaches.',
      examples: [['weir lineage impact orders -o name', 'for a loop of the shell']],
      args: LINEAGE_TOPIC,
      options: LINEAGE_OPTIONS,
      load: async () => (await import('./lineage.js')).impact,
    },
  ],
};

const CATALOG: CommandSpec = {
  name: 'catalog',
  about: 'What there is, and whose it is.',
  examples: [['weir catalog search email', 'topics, subjects, fields and views']],
  commands: [
    {
      name: 'search',
      kind: 'CatalogFinds',
      about: 'Topics, subjects, fields and views by a text, or schemas by field, tag and owner.',
      examples: [
        ['weir catalog search email', 'whatever has it in its name, and schemas with such a field'],
        ['weir catalog search --tag pii --owner team-orders', 'schemas that have both'],
      ],
      args: [['[text]', 'part of a name, or the whole name of a field']],
      options: [
        { flags: '--field <name>', about: 'schemas with this field, or end of its path' },
        { flags: '--tag <tag>', about: 'schemas with this tag' },
        { flags: '--owner <owner>', about: 'schemas whose metadata name this owner' },
      ],
      load: async () => (await import('./catalog.js')).search,
    },
  ],
};

/** What operators use. */
export const OPERATOR_COMMANDS: readonly CommandSpec[] = [
  TOPICS,
  DERIVATIONS,
  VIEWS,
  GROUPS,
  LINEAGE,
  CATALOG,
  OPERATIONS,
  ADMIN,
];
