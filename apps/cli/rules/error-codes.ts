import type { ExitName } from '../exit-codes.js';

/** A code that a failure carries, as people look it up. */
export interface ErrorCode {
  readonly code: string;
  /** How a command ends that meets it; null where that depends on the command. */
  readonly exit: ExitName | null;
  readonly meaning: string;
  /** What to do about it, in general; a failure says it for its case. */
  readonly next: string;
}

type Row = readonly [code: string, exit: ExitName | null, meaning: string, next: string];

/** What commands refuse before anything is asked: what was written is not understood, or something is missing. */
const USAGE: readonly (readonly [code: string, meaning: string, next: string])[] = [
  ['assignment-invalid', 'A setting is not written as NAME=VALUE.', 'Write NAME=VALUE.'],
  [
    'baseline-incomplete',
    'An earlier form of a schema refers to something that is not there with it.',
    'Compare with a state of the project that is whole, or with the registry.',
  ],
  [
    'baseline-unknown',
    'What --against names is no commit, branch, folder or file.',
    'Write merge-base, REF, REF:PATH, a folder, a file, or registry.',
  ],
  ['ca-file-unreadable', 'The file of certificates cannot be read.', 'Correct WEIR_CA_FILE or the context.'],
  [
    'clone-shallow',
    'The commit to compare with is not in this clone.',
    'weir check --fetch, or git fetch --unshallow.',
  ],
  [
    'command-incomplete',
    'A command stands for several, and none of them was named.',
    'weir COMMAND --help lists them.',
  ],
  ['command-missing', 'No command was given.', 'weir --help lists them.'],
  ['command-unknown', 'There is no command of that name that prints something.', 'weir --help lists them.'],
  [
    'compatibility-level-unknown',
    'There is no compatibility level of that name.',
    'One of NONE, BACKWARD, FORWARD, FULL, or one of the last three with _TRANSITIVE.',
  ],
  [
    'config-not-written',
    'The file of contexts cannot be written.',
    'Let this user write it, or name another folder by XDG_CONFIG_HOME.',
  ],
  ['config-unreadable', 'The file of contexts cannot be read.', 'Let this user read it.'],
  ['context-missing', 'A context is needed, and none is chosen.', 'weir context use NAME, or --context NAME.'],
  ['context-unknown', 'There is no context of that name.', 'weir context list shows those there are.'],
  ['day-invalid', 'A day is not one to come.', 'Write 90d or 2027-01-31.'],
  ['depth-invalid', 'A number of steps is out of range.', 'Write a number from 1 on.'],
  [
    'document-without-end',
    'One document was asked for of something that has no end.',
    'Take -o jsonl, or say how many with -n.',
  ],
  ['duration-invalid', 'A duration is not understood.', 'Write 500ms, 90s, 5m, 1h30m or 7d.'],
  [
    'file-invalid',
    'A file is not of the shape it must have; each problem is told with its line.',
    'Mend the lines that are named.',
  ],
  ['file-missing', 'A request needs a file, and none was named.', 'Name one: -f FILE.'],
  ['file-unreadable', 'A file cannot be read.', 'Name one that is there and that this user may read.'],
  [
    'condition-invalid',
    'A filter of records is no condition.',
    'Write value.country=NO, or CEL over key, value and headers.',
  ],
  ['filter-over-bytes', 'A condition is about decoded records, and bytes were asked for.', 'Leave --decode out.'],
  ['filter-invalid', 'A filter of rows is not understood.', 'Write COLUMN=OP.VALUE, as country=eq.NO.'],
  [
    'fingerprint-invalid',
    'A finding has a fingerprint of 16 hexadecimal digits, and this is none.',
    'weir check shows it with each finding.',
  ],
  [
    'format-unknown',
    'There is no format of findings of that name.',
    'One of text, json, sarif, junit, github, gitlab, markdown.',
  ],
  [
    'git-missing',
    'git is not installed, and the comparison is with a commit.',
    'Install it, or compare with a folder: --against DIR.',
  ],
  ['group-mode-needless', 'Groups need no mode where a topic only gets another name.', 'Leave --group-mode out.'],
  ['groups-missing', 'No group is named where some are to be.', 'Write all, or names with commas between.'],
  ['header-invalid', 'A header is not understood.', "Write 'Name: value'."],
  ['help-url-invalid', 'The address of the pages of rules does not say where the rule goes.', 'Write {rule} in it.'],
  ['key-invalid', 'A key behind json: is no JSON.', 'Write it as JSON, with quotes around texts.'],
  [
    'line-not-json',
    'A line is no record that can be written.',
    'Give one record a line: {"key": …, "value": …}, or bare values with --values.',
  ],
  [
    'no-commits',
    'The repository has no commit to compare with.',
    'Commit the schemas first, or compare with a folder or the registry.',
  ],
  [
    'no-merge-base',
    'This branch and the target branch have no commit in common here.',
    'weir check --fetch, or --against REF.',
  ],
  ['no-project', 'There is no project file here or above.', 'weir init makes one; --config FILE names one.'],
  ['no-repository', 'The project is in no git repository.', 'Compare with a folder, a file, or the registry.'],
  [
    'not-confirmed',
    'Something that cannot be taken back needs a yes, and nobody said it.',
    'Look at it with --dry-run, then give --yes.',
  ],
  ['number-invalid', 'A number is needed, and this is none.', 'Write a whole number.'],
  [
    'one-file-one-schema',
    'Several schemas would be compared with one file.',
    'Name the one: weir check PATH --against FILE.',
  ],
  ['order-invalid', 'An order of records is not understood.', 'Write offset, timestamp, field:PATH or header:NAME.'],
  [
    'output-file-not-written',
    'The file that -O or --format names cannot be written.',
    'Name one that this user may write.',
  ],
  ['output-unknown', 'WEIR_OUTPUT names no format.', 'One of table, wide, json, jsonl, yaml, name.'],
  [
    'owner-missing',
    'Only what carries the owner of the project is pruned, and the project names none.',
    'Add owner to the project file, and metadata.properties.owner to its schemas.',
  ],
  ['part-ambiguous', 'Several parts of a description were asked for.', 'Say one; -o json has all of them.'],
  ['path-invalid', 'A path of a call does not begin with a slash.', 'weir api GET /v1/topics'],
  ['path-outside', 'A path is not in the repository.', 'Name one inside.'],
  [
    'path-unreadable',
    'A path cannot be read, which is not the same as that nothing is there.',
    'Let this user read it.',
  ],
  [
    'path-without-schemas',
    'There is no schema at a path.',
    'Schemas are files that end with .avsc, .json or .proto, or what the project file names.',
  ],
  ['plan-unreadable', 'A file holds no plan.', 'Plans are written by weir plan --out FILE.'],
  [
    'position-differs',
    'A position is another offset in each partition, and only one reading can be followed.',
    'Follow one partition: TOPIC/PARTITION.',
  ],
  ['position-invalid', 'A position is not understood.', 'Write start, end, N, +N, -N, A:B, @TIME or @-1h.'],
  ['position-unsupported', 'The position is one that this command cannot begin at.', 'The failure says which it can.'],
  ['project-exists', 'There is a project file already.', 'weir init --force writes over it.'],
  [
    'project-incomplete',
    'The project names files that are not there, or subjects twice.',
    'Mend the places that are named.',
  ],
  [
    'proxy-invalid',
    'A variable names a proxy by no address that can be used.',
    'Write http://host:port in HTTPS_PROXY or HTTP_PROXY.',
  ],
  [
    'reference-invalid',
    'A reference to a schema is not understood, or is of another kind than needed.',
    'Write subject, subject@3, subject@latest, id:42 or :.context:subject@3.',
  ],
  [
    'repository-of-another',
    'git does not look into a repository of another user.',
    'git config --global --add safe.directory FOLDER',
  ],
  ['role-missing', 'A token is to be made, and nothing says what it may.', 'Say --role.'],
  ['scope-ambiguous', 'Rows were named in several ways at once.', 'Say one of --key, --partition and --range.'],
  ['scope-invalid', 'A scope of a token is not understood.', 'Write KIND=PATTERN,…'],
  ['scope-missing', 'A topic was named, and no rows of it.', 'Name some: --key, --partition or --range.'],
  ['scope-with-declaration', 'A new declaration is of all rows, and some were named.', 'Leave one of them out.'],
  ['secret-not-written', 'A secret cannot be kept where it is to be.', 'Let this user write the folder.'],
  ['server-address-invalid', 'An address of a service is none.', 'Addresses begin with http:// or https://.'],
  ['server-missing', 'A new context needs an address.', 'weir context set NAME --url URL'],
  [
    'service-missing',
    'No Weir service is installed here.',
    'Build one and name its folder: weir dev --service FOLDER.',
  ],
  ['shell-unknown', 'There is no completion for that shell.', 'One of bash, zsh, fish, powershell.'],
  ['size-invalid', 'A size is not understood.', 'Write 512k, 20MB or 1GiB; for a rate with /s.'],
  ['source-missing', 'Nothing says where to import from.', 'Say --from URL, --from NAME, or -f FILE.'],
  ['target-missing', 'Nothing says what is meant, or what it is to become.', 'The failure says what may be named.'],
  ['time-invalid', 'A time is not understood.', 'Write 90d or 2027-01-31T00:00:00Z.'],
  ['token-file-open', 'Others may read a file with a token.', 'chmod 600 FILE'],
  [
    'token-id-invalid',
    'A name of a token has characters that it may not have.',
    'Take 1 to 100 of a-z, A-Z, 0-9 and . _ @ -',
  ],
  ['token-missing', 'No token came on standard input.', 'weir login < FILE'],
  ['token-unreadable', 'A file with a token cannot be read.', 'Let this user read it, or name another.'],
  [
    'tokens-file-unusable',
    'The file of tokens of a service cannot be used.',
    'It is the file that auth.tokensFile of the service names.',
  ],
  ['topic-missing', 'Nothing says whose records are meant.', 'Say --topic TOPIC.'],
  ['search-missing', 'Nothing says what is looked for.', 'Give a text, --field, --tag or --owner.'],
  ['limit-missing', 'Nothing says which limit is meant.', 'Say --rate, --records-rate, --max-lag or --max-produce.'],
  [
    'split-unavailable',
    'A topic cannot be split by one operation: whoever writes to it has to choose between the names first.',
    'Make the topics, have writers go on there, and copy what belongs to each.',
  ],
  [
    'merge-unavailable',
    'Topics cannot be merged by one operation: records of one key in several topics have no order that could be kept.',
    'Make the topic, have writers go on there, and copy each, the oldest first.',
  ],
  ['two-changes', 'Two operations were asked for in one.', 'Do one, finish it, and do the other.'],
  ['unknown-command', 'There is no command of that name.', 'weir --help lists them.'],
  ['unknown-option', 'The command has no such option.', 'weir COMMAND --help lists those it has.'],
  [
    'invalid-argument',
    'A value is none of those an option or argument takes.',
    'weir COMMAND --help says which those are.',
  ],
  ['missing-argument', 'An argument is missing.', 'weir COMMAND --help says what is needed.'],
  ['missing-mandatory-option-value', 'An option that is needed is missing.', 'weir COMMAND --help says which.'],
  ['option-missing-argument', 'An option was given without its value.', 'Give it one.'],
  ['excess-arguments', 'More was given than the command takes.', 'weir COMMAND --help says what it takes.'],
  [
    'waiver-incomplete',
    'A waiver says by whom, until when and why, and one of them is missing.',
    'Give --owner, --expires and --reason.',
  ],
  ['waivers-unnamed', 'The project names no file of waivers.', 'Add check.waivers to it.'],
];

const OTHERS: readonly Row[] = [
  [
    'answer-not-json',
    'unreachable',
    'What answered is no service: the answer is not JSON.',
    'Look at the address, and at proxies in between: weir config print.',
  ],
  [
    'answer-redirected',
    'unreachable',
    'What answered sends requests on to another address, which is not followed.',
    'Name the service by its own address; it may begin with https://.',
  ],
  [
    'apply-half-done',
    'partial',
    'A plan is applied in part: the list says what is done.',
    'Mend the cause and run the same command again; it goes on where it stopped.',
  ],
  [
    'apply-outcome-unknown',
    'unreachable',
    'The service took the plan and did not answer.',
    'Run the same command again: what is applied is not applied twice.',
  ],
  [
    'cluster-mismatch',
    'conflict',
    'The service has another cluster id than the context expects. Nothing was done.',
    'Correct the context: weir context set NAME --cluster-id ID.',
  ],
  ['disk-full', 'internal', 'There is no room on a disk for what was to be written.', 'Free room there, then repeat.'],
  [
    'file-exists',
    null,
    'A file is there that would be written over.',
    'Name another, remove it, or --force where the command has it.',
  ],
  [
    'git-fetch-failed',
    'unreachable',
    'git could not fetch the branch to compare with.',
    'Look at the remote origin and its credentials.',
  ],
  ['group-active', 'conflict', 'A group has active members, which keep its positions.', 'Stop them.'],
  [
    'group-leased',
    'conflict',
    'Records of a group are leased to workers.',
    'Wait until the leases are released or expire, or --force ends them.',
  ],
  [
    'idempotency-key-in-use',
    'conflict',
    'The request with this idempotency key is still being done, or was cut short a moment ago.',
    'Run the same command again in a while, with the same key.',
  ],
  [
    'idempotency-key-reused',
    'conflict',
    'The idempotency key was used for another request within a day; the message says what differs.',
    'Use a fresh key for another request.',
  ],
  [
    'idempotency-outcome-unknown',
    'conflict',
    'An earlier request with this idempotency key was cut short, and may have been done.',
    'Look; to do it, or to do it once more, use a fresh key.',
  ],
  ['internal', 'internal', 'A defect of the command.', 'Report it with the lines that were printed.'],
  ['no-registry', 'unreachable', 'What answered is no schema registry.', 'Look at the path of the address.'],
  ['topic-exists', 'conflict', 'A topic of that name is there.', 'Choose another name.'],
  ['topic-protected', 'conflict', 'The topic is protected against deletion.', 'Say weir topic unprotect TOPIC first.'],
  [
    'topic-not-found',
    'not-found',
    'There is no topic of that name.',
    'weir topic list lists those there are, --deleted those deleted.',
  ],
  [
    'nothing-suggested',
    'conflict',
    'The service suggests no other way to place keys.',
    'Leave --key-strategy out, or name one.',
  ],
  [
    'operation-failed',
    'operation-failed',
    'An operation that was waited for failed, was cancelled or rolled back.',
    'weir op logs ID tells why.',
  ],
  [
    'output-not-written',
    'internal',
    'The result cannot be written to standard output.',
    'What the command did on the service is done.',
  ],
  [
    'partition-leaderless',
    'unreachable',
    'No broker leads the partition, so that its offsets are not known.',
    'weir topic describe TOPIC --partitions shows when one does.',
  ],
  [
    'partition-not-found',
    'not-found',
    'The topic has no partition of that number.',
    'weir topic describe TOPIC --partitions',
  ],
  [
    'plan-blocked',
    'no',
    'Something is in the way of a plan, which is named with it. Nothing was changed.',
    'Remove what blocks it and plan again.',
  ],
  [
    'plan-of-another-service',
    'conflict',
    'The plan was made with another service.',
    'Plan with this one, or name that one: --server.',
  ],
  [
    'plan-stale',
    'conflict',
    'Something that the plan rests on has moved since it was made. Nothing was changed.',
    'Plan again, look at it, and apply the new plan.',
  ],
  [
    'policy-tests-failed',
    'no',
    'Tests of policies fail: what they demand is not what they are to demand.',
    'Mend the policy or its test: weir policy test.',
  ],
  ['policy-unknown', 'not-found', 'The project has no policy of that name.', 'weir policy list shows those it has.'],
  [
    'preview-incomplete',
    'conflict',
    'The service showed what it would do and told no way to do it.',
    'Ask again; another version of the service may be at the address.',
  ],
  [
    'proxy-failed',
    'unreachable',
    'The proxy refuses, hangs up or does not answer.',
    'Look at HTTPS_PROXY and HTTP_PROXY; addresses in NO_PROXY go without.',
  ],
  [
    'records-refused',
    'partial',
    'Some records were refused, and the others are written.',
    'Correct those that are told, and send only them.',
  ],
  [
    'request-not-approved',
    'conflict',
    'A change request waits for an approval, or was rejected or withdrawn.',
    'weir request show ID',
  ],
  ['rule-unknown', null, 'There is no rule or code of that name.', 'weir explain --list shows all rules.'],
  [
    'schema-in-use',
    'conflict',
    'Something may still need a version that is to be deleted for good.',
    'weir schema usage REF says what; --force deletes it all the same.',
  ],
  [
    'schema-incompatible',
    'no',
    'The schema would break readers at the level of its subject.',
    'weir check tells where and how to mend it.',
  ],
  ['schema-invalid', null, 'A text is no schema.', 'Mend it at the place that is named.'],
  [
    'service-ended',
    null,
    'The service that weir dev runs has ended by itself.',
    'weir dev -v shows everything that it writes.',
  ],
  [
    'service-not-ready',
    'unreachable',
    'The service that weir dev runs was not ready in time.',
    'Give it longer with --timeout.',
  ],
  [
    'storage-full',
    'unreachable',
    'The disk of the service is full, and nothing was written.',
    'Free room there, then repeat.',
  ],
  ['timeout', 'unreachable', 'The time of --timeout passed; the operation goes on.', 'weir op watch ID follows it.'],
  ['token-exists', 'conflict', 'The file has a token of that name already.', 'Take another name, or revoke that one.'],
  ['token-not-found', 'not-found', 'The file has no token of that name.', 'weir admin token list shows those it has.'],
  [
    'unauthenticated',
    'not-allowed',
    'The service does not know who asks.',
    'Give a token by WEIR_TOKEN or WEIR_TOKEN_FILE, or keep one: weir login.',
  ],
  [
    'forbidden',
    'not-allowed',
    'The token is known and may not do this.',
    'weir whoami says what it may; ask for a role that may.',
  ],
  ['unreachable', 'unreachable', 'The service cannot be reached.', 'weir doctor looks closer.'],
  ['view-version-missing', 'not-found', 'A view has no version of that kind.', 'weir view versions NAME'],
  [
    'view-versions-differ',
    'no',
    'Two versions of a view do not have the same rows.',
    'Look at both before one is activated.',
  ],
  ['waiver-exists', 'conflict', 'The finding is waived already.', 'weir waiver revoke FINGERPRINT first.'],
  ['waiver-not-found', 'not-found', 'There is no waiver of that finding.', 'weir waiver list shows those there are.'],
];

/** Codes of the Confluent API, which any registry that speaks it answers with. */
const OF_REGISTRIES: readonly (readonly [code: number, exit: ExitName, meaning: string, next: string])[] = [
  [
    409,
    'no',
    'The schema would break readers at the level of its subject.',
    'weir check tells where and how to mend it.',
  ],
  [40401, 'not-found', 'There is no such subject.', 'weir schema list shows those there are.'],
  [40402, 'not-found', 'The subject has no such version.', 'weir schema versions SUBJECT shows those it has.'],
  [40403, 'not-found', 'There is no such schema.', 'weir schema register SUBJECT FILE registers one.'],
  [
    40404,
    'not-found',
    'The subject has been deleted softly.',
    'weir schema restore SUBJECT undoes that; --permanent deletes it for good.',
  ],
  [40405, 'not-found', 'A subject must be deleted softly before it is for good.', 'weir schema delete SUBJECT first.'],
  [40406, 'not-found', 'The version has been deleted softly.', 'weir schema restore SUBJECT@N undoes that.'],
  [
    40407,
    'not-found',
    'A version must be deleted softly before it is for good.',
    'weir schema delete SUBJECT@N first.',
  ],
  [40408, 'not-found', 'The subject has no level of its own.', 'weir compat get SUBJECT tells the one in force.'],
  [40409, 'not-found', 'The subject has no mode of its own.', 'weir mode get SUBJECT tells the one in force.'],
  [
    40901,
    'no',
    'The schema would break readers at the level of its subject.',
    'weir check tells where and how to mend it.',
  ],
  [42201, 'no', 'The text is no schema, or refers to what is not there.', 'weir check tells the line.'],
  [42202, 'usage', 'A version is a number from 1 on, or latest.', 'Write subject@3 or subject@latest.'],
  [42203, 'usage', 'There is no such compatibility level.', 'weir compat set --help'],
  [42204, 'usage', 'There is no such mode.', 'weir mode set --help'],
  [42205, 'conflict', 'The mode in force does not permit it.', 'weir mode get SUBJECT tells which it is.'],
  [
    42206,
    'conflict',
    'Another schema refers to the version.',
    'weir schema refs SUBJECT@N --referenced-by says which.',
  ],
  [
    50001,
    'unreachable',
    'The registry could not read or write what it keeps, as on a disk that is full.',
    'Look at its disk and at its database, then repeat.',
  ],
];

/** Every code that a failure of the command carries, and those of services that a pipeline meets. */
export function errorCodes(): readonly ErrorCode[] {
  return [
    ...USAGE.map(([code, meaning, next]): ErrorCode => ({ code, exit: 'usage', meaning, next })),
    ...OTHERS.map(([code, exit, meaning, next]): ErrorCode => ({ code, exit, meaning, next })),
    ...OF_REGISTRIES.map(([code, exit, meaning, next]): ErrorCode => ({
      code: `registry-${code}`,
      exit,
      meaning,
      next,
    })),
  ];
}

/** A code by name; those of registries by their number alone, too. */
export function errorCode(asked: string): ErrorCode | undefined {
  return errorCodes().find(({ code }) => code === asked || code === `registry-${asked}`);
}
