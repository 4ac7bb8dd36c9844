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
