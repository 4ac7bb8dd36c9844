import type { CommandSpec, OptionSpec } from '../command.js';

const FORMAT: OptionSpec = {
  flags: '--format <format[=file]>',
  about: 'text, json, sarif, junit, github, gitlab, markdown; may be repeated',
  repeat: true,
};
const FINDINGS: readonly OptionSpec[] = [
  {
    flags: '--fail-on <level>',
    about: 'the least level that makes the answer no',
    choices: ['error', 'warning', 'info'],
  },
  FORMAT,
  { flags: '--max <n>', about: 'show this many findings at most; all of them count' },
  { flags: '--no-fail', about: 'report only: exit 0 whatever is found' },
];

/** What pipelines use. */
export const PIPELINE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'check',
    kind: 'CheckReport',
    about: 'Would these schemas break a reader? Offline, with the code the service judges with.',
    examples: [
      ['weir check', 'the project against the merge base with the default branch'],
      ['weir check --against main', 'against a branch, tag or commit'],
      ['weir check --against registry', 'against what is registered, in any Confluent-compatible registry'],
      ['weir check schemas/order.avsc --against old/order.avsc', 'two files'],
      ['weir check --format text --format sarif=weir.sarif', 'two formats at once'],
    ],
    args: [['[paths...]', 'files, folders or subjects; all of the project when left out']],
    options: [
      { flags: '--against <what>', about: 'merge-base (default), REF, REF:PATH, a folder, a file, or registry' },
      { flags: '--level <level>', about: 'in the place of the level of the project or the registry' },
      ...FINDINGS,
      { flags: '--only-changed', about: 'leave out schemas that are as they were' },
      { flags: '--fetch', about: 'fetch the target branch where this clone lacks it; the work tree stays as it is' },
    ],
    load: async () => (await import('./check.js')).check,
  },
  {
    name: 'lint',
    kind: 'LintReport',
    about: 'Naming and style of schemas.',
    examples: [
      ['weir lint', 'the project, by the rules it uses'],
      ['weir lint schemas/ --fail-on error', 'files of a folder'],
    ],
    args: [['[paths...]', 'files, folders or subjects; all of the project when left out']],
    options: FINDINGS,
    load: async () => (await import('./lint.js')).lint,
  },
  {
    name: 'fmt',
    kind: 'FormattedFiles',
    about: 'Lay schema files out alike. Shows which would change; --write changes them.',
    examples: [
      ['weir fmt --write', 'rewrite the files of the project'],
      ['weir fmt --check', 'exit 1 when one would change'],
    ],
    args: [['[paths...]', 'files, folders or subjects; all of the project when left out']],
    options: [
      { flags: '--check', about: 'exit 1 when a file would change' },
      { flags: '--write', about: 'write the files' },
    ],
    load: async () => (await import('./lint.js')).fmt,
  },
  {
    name: 'plan',
    kind: 'Plan',
    about: 'What applying the project would do. Changes nothing.',
    examples: [
      ['weir plan', 'what would be registered, and what is in the way'],
      ['weir plan --out plan.json && weir apply --plan plan.json', 'apply exactly what was looked at'],
      ['weir plan --exit-code', 'exit 3 when something is pending'],
      ["weir plan --submit --title 'orders keep their currency'", 'for somebody else to approve'],
    ],
    options: [
      { flags: '--prune', about: 'also delete what carries the owner of the project and is not in it' },
      { flags: '--out <file>', about: 'write the plan there, for weir apply --plan' },
      { flags: '--exit-code', about: 'exit 3 when changes are pending' },
      { flags: '--submit', about: 'make it a change request that somebody else approves' },
      { flags: '--title <text>', about: 'title of the request; what it does when left out' },
      { flags: '--note <text>', about: 'why, for those who are to approve' },
      FORMAT,
    ],
    load: async () => (await import('./plan.js')).plan,
  },
  {
    name: 'apply',
    kind: 'AppliedPlan',
    about: 'Register the schemas of the project and set their levels: all of it or nothing.',
    examples: [
      ['weir apply', 'plan, show, ask, apply'],
      ['weir apply --yes', 'in a pipeline'],
      ['weir apply --plan plan.json', 'what was planned; exit 4 when the service has moved since'],
      ['weir apply --plan cr_0k3v9x2b1a2b3c4d', 'a change request that was approved'],
    ],
    options: [
      { flags: '--plan <file|id>', about: 'a plan that weir plan --out wrote, or a change request' },
      { flags: '--prune', about: 'also delete what carries the owner of the project and is not in it' },
    ],
    load: async () => (await import('./plan.js')).apply,
  },
  {
    name: 'drift',
    kind: 'Plan',
    about: 'Whether the registry still is what the project says: exit 3 when it is not.',
    examples: [['weir drift', 'in a nightly job']],
    options: [{ flags: '--prune', about: 'count subjects of the owner that are not in the project' }, FORMAT],
    load: async () => (await import('./plan.js')).drift,
  },
  {
    name: 'request',
    about: 'Change requests: plans that were submitted for others to approve.',
    examples: [
      ['weir request list --state pending', 'what waits'],
      ['weir request approve cr_0k3v9x2b1a2b3c4d', 'agree to one'],
    ],
    commands: [
      {
        name: 'list',
        kind: 'RequestList',
        about: 'The requests there are, newest first.',
        examples: [['weir request list --state pending', 'those that wait for an approval']],
        options: [
          {
            flags: '--state <state>',
            about: 'only those',
            choices: ['pending', 'approved', 'applied', 'rejected', 'withdrawn'],
          },
        ],
        load: async () => (await import('./requests.js')).list,
      },
      {
        name: 'show',
        kind: 'Request',
        about: 'One request with its plan.',
        examples: [['weir request show cr_0k3v9x2b1a2b3c4d -o yaml', 'all of it']],
        args: [['<id>', 'the request']],
        load: async () => (await import('./requests.js')).show,
      },
      ...(['approve', 'reject', 'withdraw'] as const).map((verb): CommandSpec => ({
        name: verb,
        kind: 'DecidedRequest',
        about: {
          approve: 'Agree to a request. Who submitted it cannot.',
          reject: 'Refuse a request.',
          withdraw: 'Take a request of your own back.',
        }[verb],
        examples: [[`weir request ${verb} cr_0k3v9x2b1a2b3c4d --note '…'`, 'with a word to it']],
        args: [['<id>', 'the request']],
        options: [{ flags: '--note <text>', about: 'kept with the request' }],
        load: async () => (await import('./requests.js')).onRequest(verb),
      })),
    ],
  },
  {
    name: 'policy',
    about: 'Policies of the project: what its topics and schemas must be like.',
    examples: [
      ['weir policy list', 'those that the project names'],
      ['weir policy test', 'on the project, offline'],
    ],
    commands: [
      {
        name: 'list',
        kind: 'PolicyList',
        about: 'The policies that the project names.',
        examples: [['weir policy list -o wide', 'with the place of each']],
        load: async () => (await import('./policy.js')).list,
      },
      {
        name: 'test',
        kind: 'PolicyReport',
        about: 'Run the tests of the policies, then the policies on the project. Offline.',
        examples: [
          ['weir policy test', 'all of them'],
          ['weir policy test --format junit=policies.xml', 'for a report'],
        ],
        options: FINDINGS,
        load: async () => (await import('./policy.js')).test,
      },
      {
        name: 'explain',
        kind: 'Policy',
        about: 'One policy: what it is about, what it demands, what to do.',
        examples: [['weir policy explain topics-keep-a-week', 'one that a finding cites']],
        args: [['<id>', 'the policy, with or without policy/ in front']],
        load: async () => (await import('./policy.js')).explain,
      },
    ],
  },
  {
    name: 'waiver',
    about: 'Findings that the project excuses for a time, in the file that check.waivers names.',
    examples: [
      ['weir waiver list', 'by whom, until when and why'],
      ["weir waiver add c36b3a4ee32b98bf --owner team-orders --expires 90d --reason 'nobody reads it yet'", 'one'],
    ],
    commands: [
      {
        name: 'list',
        kind: 'WaiverList',
        about: 'What is excused, and which waivers are over.',
        examples: [['weir waiver list -o json', 'all of them']],
        load: async () => (await import('./waivers.js')).list,
      },
      {
        name: 'add',
        kind: 'Waiver',
        about: 'Excuse a finding. Owner, end and --reason have to be said.',
        examples: [
          [
            "weir waiver add c36b3a4ee32b98bf --owner team-orders --expires 2027-03-31 --reason 'nobody reads it yet'",
            'by its fingerprint, as weir check shows it',
          ],
        ],
        args: [['<fingerprint>', 'of the finding']],
        options: [
          { flags: '--owner <who>', about: 'who answers for it' },
          { flags: '--expires <when>', about: 'the last day on which it counts, or a time from now, as 90d' },
        ],
        load: async () => (await import('./waivers.js')).add,
      },
      {
        name: 'revoke',
        kind: 'Waiver',
        about: 'Let a finding count again.',
        examples: [['weir waiver revoke c36b3a4ee32b98bf', 'by its fingerprint']],
        args: [['<fingerprint>', 'of the finding']],
        load: async () => (await import('./waivers.js')).revoke,
      },
    ],
  },
  {
    name: 'init',
    kind: 'InitialisedProject',
    about: 'Write a project file for the schemas that are there, or for those of a registry.',
    examples: [
      ['weir init', 'schemas below this folder'],
      ['weir init shop --from http://registry:8081', 'files of every subject of a registry'],
    ],
    args: [['[dir]', 'folder of the project; this one when left out']],
    options: [
      { flags: '--from <url>', about: 'take the subjects of this registry' },
      { flags: '--scan <glob>', about: 'which files are schemas (default **/*.{avsc,proto})' },
      { flags: '--force', about: 'write over files that are there' },
    ],
    load: async () => (await import('./pull.js')).init,
  },
  {
    name: 'pull',
    kind: 'PulledFiles',
    about: 'Write registered schemas into the files of the project, others into files by their name.',
    examples: [
      ['weir pull', 'the subjects of the project'],
      ["weir pull --subject 'orders*' --with-references", 'others, with what they refer to'],
    ],
    options: [
      { flags: '--subject <glob>', about: 'which subjects' },
      { flags: '--version <n>', about: 'a version; the latest when left out' },
      { flags: '--with-references', about: 'also what they refer to' },
      { flags: '--into <dir>', about: 'folder for files of subjects outside the project (default schemas)' },
    ],
    load: async () => (await import('./pull.js')).pull,
  },
  {
    name: 'schema',
    about: 'Schemas of the registry.',
    examples: [
      ['weir schema list', 'what is registered'],
      ['weir schema get orders-value@latest', 'one of it'],
      ['weir schema diff orders-value@1 orders-value@2 --levels', 'what changed, and at which levels it may'],
    ],
    commands: [
      {
        name: 'list',
        kind: 'SchemaList',
        about: 'Latest versions of subjects.',
        examples: [
          ['weir schema list --prefix orders', 'by prefix'],
          ['weir schema list -o name | xargs -n1 weir schema get', 'one after another'],
        ],
        options: [
          { flags: '--prefix <text>', about: 'subjects that begin so' },
          { flags: '--type <type>', about: 'avro, json or protobuf' },
          { flags: '--field <name>', about: 'that have a field of this name' },
          { flags: '--tag <tag>', about: 'that carry a tag' },
          { flags: '--owner <owner>', about: 'whose metadata name this owner' },
        ],
        load: async () => (await import('./schema.js')).list,
      },
      {
        name: 'get',
        kind: 'Schema',
        about: 'A schema by reference.',
        examples: [
          ['weir schema get orders-value', 'the latest version'],
          ['weir schema get id:42 --raw', 'by id, the bare text'],
        ],
        args: [['<ref>', 'subject, subject@3, subject@latest, id:42, :.context:subject@3']],
        options: [
          { flags: '--raw', about: 'the text as it is stored' },
          { flags: '--resolved', about: 'with references put in' },
        ],
        load: async () => (await import('./schema.js')).get,
      },
      {
        name: 'versions',
        kind: 'SchemaVersions',
        about: 'The versions of a subject.',
        examples: [['weir schema versions orders-value', 'their numbers']],
        args: [['<subject>', 'subject']],
        options: [{ flags: '--deleted', about: 'also those deleted softly' }],
        load: async () => (await import('./schema.js')).versions,
      },
      {
        name: 'lookup',
        kind: 'Schema',
        about: 'Under which version a file is registered; exit 5 when it is not.',
        examples: [['weir schema lookup orders-value order.avsc', 'is it there?']],
        args: [
          ['<subject>', 'subject'],
          ['<file>', 'schema file, - for stdin'],
        ],
        options: [
          { flags: '--type <type>', about: 'avro, json or protobuf; told by the file name' },
          { flags: '--ref <name=subject@v>', about: 'a reference; may be repeated', repeat: true },
          { flags: '--normalize', about: 'compare normalised' },
        ],
        load: async () => (await import('./schema.js')).lookup,
      },
      {
        name: 'refs',
        kind: 'SchemaReferences',
        about: 'What a version refers to, or what refers to it.',
        examples: [['weir schema refs money-value --referenced-by', 'who uses it']],
        args: [['<ref>', 'subject@version']],
        options: [{ flags: '--referenced-by', about: 'the other way round' }],
        load: async () => (await import('./schema.js')).refs,
      },
      {
        name: 'diff',
        kind: 'SchemaDiff',
        about: 'What differs between two schemas: files or references.',
        examples: [
          ['weir schema diff orders-value@1 orders.avsc', 'registered and local'],
          ['weir schema diff a.avsc b.avsc --levels', 'the verdict at every level'],
        ],
        args: [
          ['<a>', 'the earlier one'],
          ['<b>', 'the later one'],
        ],
        options: [
          { flags: '--text', about: 'line by line' },
          { flags: '--levels', about: 'whether b may follow a, at every level' },
        ],
        load: async () => (await import('./diff.js')).diff,
      },
      {
        name: 'register',
        kind: 'RegisteredSchema',
        about: 'Register one schema. For several that belong together: weir apply.',
        examples: [
          ['weir schema register orders-value order.avsc', 'a file'],
          ['weir schema register orders-value order.avsc --ref shop.Money=money-value@1', 'with a reference'],
          ['weir schema register orders-value order.avsc --dry-run', 'only say whether it may'],
        ],
        args: [
          ['<subject>', 'subject'],
          ['<file>', 'schema file, - for stdin'],
        ],
        options: [
          { flags: '--type <type>', about: 'avro, json or protobuf; told by the file name' },
          { flags: '--ref <name=subject@v>', about: 'a reference; may be repeated', repeat: true },
          { flags: '--normalize', about: 'store the normalised form' },
          { flags: '--metadata <file>', about: 'metadata, YAML or JSON' },
          { flags: '--rules <file>', about: 'rule set, YAML or JSON' },
        ],
        load: async () => (await import('./schema.js')).register,
      },
      {
        name: 'replay',
        kind: 'SchemaReplay',
        about: 'Try a candidate on recorded records; exit 1 when it does not read them all.',
        examples: [
          ['weir schema replay order.avsc --topic orders', 'all that is retained'],
          ['weir schema replay order.avsc --topic orders --sample 10000', 'the first ten thousand'],
        ],
        args: [['<file>', 'candidate']],
        options: [
          { flags: '--topic <topic>', about: 'whose records; topic or topic/partition', required: true },
          { flags: '--sample <n>', about: 'this many records, or all' },
          { flags: '--from <position>', about: 'where to begin: start (default), N, -N, @time, @-1h' },
          { flags: '--type <type>', about: 'avro, json or protobuf; told by the file name' },
          { flags: '--ref <name=subject@v>', about: 'a reference; may be repeated', repeat: true },
        ],
        load: async () => (await import('./work.js')).replay,
      },
      {
        name: 'infer',
        kind: 'InferredSchema',
        about: 'Propose a schema from samples: lines of JSON, or records of a topic.',
        examples: [
          ['weir schema infer --from samples.jsonl --type avro --name Order', 'a file'],
          ['weir schema infer --from topic:orders', 'what a topic retains'],
        ],
        options: [
          { flags: '--from <source>', about: 'a file, topic:NAME, or - for stdin (default)' },
          { flags: '--type <type>', about: 'avro, json or protobuf' },
          { flags: '--name <name>', about: 'of the type' },
          { flags: '--sample <n>', about: 'this many' },
        ],
        load: async () => (await import('./work.js')).infer,
      },
      {
        name: 'usage',
        kind: 'SchemaUsage',
        about: 'Whether anything still needs a version: records, references, views.',
        examples: [['weir schema usage orders-value@1', 'may it be deleted?']],
        args: [['<ref>', 'subject@version']],
        options: [{ flags: '--scan <id>', about: 'by this usage scan; by the latest when left out' }],
        load: async () => (await import('./schema-usage.js')).usageOf,
      },
      {
        name: 'delete',
        kind: 'DeletedSchema',
        about: 'Delete a version or a subject: softly, or for good.',
        examples: [
          ['weir schema delete orders-value@1', 'softly; weir schema restore undoes it'],
          ['weir schema delete orders-value@1 --permanent', 'for good; needs that nothing uses it, or --force'],
        ],
        args: [['<ref>', 'subject or subject@version']],
        options: [
          { flags: '--permanent', about: 'for good; it must have been deleted softly' },
          { flags: '--force', about: 'even though it may be in use' },
        ],
        load: async () => (await import('./schema-deletions.js')).remove,
      },
      {
        name: 'restore',
        kind: 'RestoredSchema',
        about: 'Undo a soft deletion.',
        examples: [['weir schema restore orders-value@1', 'a version']],
        args: [['<ref>', 'subject or subject@version']],
        load: async () => (await import('./schema-deletions.js')).restore,
      },
    ],
  },
  ...(['compat', 'mode'] as const).map((name): CommandSpec => {
    const what = name === 'compat' ? 'compatibility level' : 'mode';
    const value = name === 'compat' ? 'FULL' : 'READONLY';
    const kind = name === 'compat' ? 'Compatibility' : 'Mode';
    const global: OptionSpec = { flags: '--global', about: 'of all subjects without their own' };
    const handler = async (verb: 'Get' | 'Set' | 'Unset') => (await import('./settings-commands.js'))[`${name}${verb}`];
    return {
      name,
      about: `The ${what} of a subject or of all, and where it comes from.`,
      examples: [
        [`weir ${name} get orders-value`, 'the one in force'],
        [`weir ${name} set ${value} orders-value`, 'its own'],
        [`weir ${name} unset orders-value`, 'the global one again'],
      ],
      commands: [
        {
          name: 'get',
          kind,
          about: `The ${what} in force.`,
          examples: [[`weir ${name} get --global`, 'of all']],
          args: [['[subject]', 'subject']],
          options: [global],
          load: () => handler('Get'),
        },
        {
          name: 'set',
          kind,
          about: `Set the ${what}.`,
          examples: [[`weir ${name} set ${value} orders-value`, 'of one subject']],
          args: [
            ['<value>', what],
            ['[subject]', 'subject'],
          ],
          options: [global],
          load: () => handler('Set'),
        },
        {
          name: 'unset',
          kind,
          about: `Take the ${what} away, so that the global one counts.`,
          examples: [[`weir ${name} unset orders-value`, 'of one subject']],
          args: [['[subject]', 'subject']],
          options: [global],
          load: () => handler('Unset'),
        },
      ],
    };
  }),
];
