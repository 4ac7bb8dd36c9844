import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { planAndStart, type OperationPlan } from '../operations/planned.js';
import { milliseconds } from '../settings/durations.js';
import { limitsOf, number } from './op.js';
import { requestFile } from './request-file.js';

/** `weir topic repartition`: up or down, or by another key. */
export const repartition: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const partitions = text(invocation, 'partitions');
  const key = text(invocation, 'key');
  const strategy = text(invocation, 'keyStrategy');
  const file = await requestFile(invocation);
  const target = {
    ...(partitions === undefined ? {} : { partitions: number(partitions, '--partitions') }),
    ...(key === undefined ? {} : { key: { expr: key } }),
    ...(strategy === undefined || strategy === 'suggested' ? {} : { partitioner: strategy }),
  };
  if (file === undefined && strategy === undefined && Object.keys(target).length === 0)
    throw usage(
      'target-missing',
      'Say what the topic shall become: --partitions N, --key EXPR, --key-strategy NAME, or a request with -f FILE.',
    );
  const body = {
    ...file,
    topic: argument(invocation, 0),
    target: { ...(file?.['target'] as object | undefined), ...target },
    ...changed(invocation, file),
  };
  if (strategy === 'suggested') Object.assign(body.target, { partitioner: await suggested(client, body) });
  return planAndStart(invocation, client, '/v1/repartitions/plans', body, { throttle: limitsOf(invocation) });
};

/** How the service would place keys so that the heavy ones are spread. @throws Failure where it has nothing better. */
async function suggested(client: Client, body: object): Promise<unknown> {
  const { suggestion } = await client.post<{ suggestion: { partitioner: unknown } | null }>(
    '/v1/repartitions/plans',
    body,
  );
  if (suggestion !== null) return suggestion.partitioner;
  throw new Failure({
    code: 'nothing-suggested',
    exit: 'conflict',
    message: 'The service suggests no other way to place keys: none is too heavy, or nothing would spread them.',
    hint: 'Nothing was changed. Leave --key-strategy out.',
  });
}

/** `weir topic migrate`: records to another form by a request in a file, of several topics in one step, or one topic to another name. */
export const migrate: Handler = async (invocation) => {
  const topics = invocation.args[0] as readonly string[];
  const [name, ...others] = texts(invocation, 'to');
  if (others.length > 0) throw splitUnavailable(topics[0]!);
  if (name !== undefined && topics.length > 1) throw mergeUnavailable(topics, name);
  const client = await (await invocation.settings()).client();
  const file = await requestFile(invocation);
  if (name !== undefined) {
    if (file !== undefined)
      throw usage(
        'two-changes',
        'A topic is renamed (--to) by one operation, and its records are given another form (-f) by another.',
        'Do one of the two, finish it, and do the other.',
      );
    return await renamed(invocation, client, topics[0]!, name);
  }
  if (file === undefined)
    throw usage(
      'file-missing',
      'Say what the topic shall become: -f FILE for another form of its records, as docs/migrations.md has it, or --to NAME for another name.',
    );
  return planAndStart(
    invocation,
    client,
    '/v1/migrations/plans',
    { ...file, ...(topics.length > 1 ? { topics } : { topic: topics[0] }), ...changed(invocation, file) },
    { throttle: limitsOf(invocation) },
  );
};

/** How records go to another topic where no operation brings them there. */
const copying = (topic: string, into: string, filter = ''): string =>
  `weir topic consume ${topic}${filter} | jq -c '{key, value, timestamp}' | weir topic produce ${into}`;

/** Writers who know one name would have to be told which of several they write to: no cutover can move them. */
function splitUnavailable(topic: string): Failure {
  return usage(
    'split-unavailable',
    `A topic cannot be split by one operation: whoever writes to '${topic}' has to choose between the names first.`,
    `Make the topics, have writers go on there, copy what belongs to each (${copying(topic, 'NAME', ' --filter value.FIELD=…')}), and leave it out of '${topic}' by a filter: weir topic migrate ${topic} -f FILE. One --to gives it another name.`,
  );
}

/** Records of one key in several topics have no order among each other, and groups no place that means the same in one. */
function mergeUnavailable(topics: readonly string[], into: string): Failure {
  return usage(
    'merge-unavailable',
    `Topics cannot be merged by one operation: records of one key in several topics have no order that could be kept, and a group's places in them are no place in '${into}'.`,
    `Make the topic, have writers go on there, and copy each, the oldest first: ${copying(topics[0]!, into)}. Without --to, -f FILE gives all of them another form in one step.`,
  );
}

async function renamed(invocation: Invocation, client: Client, topic: string, name: string): Promise<Outcome> {
  if (text(invocation, 'groupMode') !== undefined)
    throw usage(
      'group-mode-needless',
      'Groups stand where they stood when a topic is renamed: leave --group-mode out.',
    );
  const body = { topics: [topic], name, ...changed(invocation, undefined) };
  const planIn = (answer: unknown): OperationPlan => (answer as { plans: readonly OperationPlan[] }).plans[0]!;
  return planAndStart(invocation, client, '/v1/moves/plans', body, { throttle: limitsOf(invocation), planIn });
}

/** `weir topic move`: to another cluster; several topics in one operation that switches all of them in one step. */
export const move: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const topics = invocation.args[0] as readonly string[];
  const together = topics.length > 1;
  const body = {
    topics,
    to: text(invocation, 'to'),
    ...(together ? { together } : {}),
    ...changed(invocation, undefined),
  };
  return planAndStart(invocation, client, '/v1/moves/plans', body, {
    throttle: limitsOf(invocation),
    planIn: (answer) => {
      const made = answer as { readonly plans: readonly OperationPlan[]; readonly together: OperationPlan | null };
      return made.together ?? made.plans[0]!;
    },
  });
};

/** What all of them have: verification, groups, cutover. What the file says counts where no flag says otherwise. */
function changed(invocation: Invocation, file: Record<string, unknown> | undefined): Record<string, unknown> {
  const verify = text(invocation, 'verify');
  const mode = text(invocation, 'groupMode');
  const only = groupsNamed(invocation);
  const groups = {
    ...(file?.['groups'] as object | undefined),
    ...(mode === undefined ? {} : { mode }),
    ...(only === undefined ? {} : { only: only === 'all' ? undefined : only }),
  };
  const window = text(invocation, 'rollbackWindow');
  const cutover = file?.['cutover'] as { readonly mode?: unknown } | undefined;
  return {
    ...(verify === undefined ? {} : { verification: verify }),
    ...(mode === undefined && only === undefined ? {} : { groups }),
    cutover: {
      ...cutover,
      mode: invocation.options['cutover'] === false ? 'manual' : (cutover?.mode ?? 'auto'),
      ...(window === undefined ? {} : { rollbackWindowMs: milliseconds(window, '--rollback-window') }),
    },
    ...(given(invocation, 'oneWay') ? { reverseTail: false } : {}),
  };
}

/** Groups that come along, by `--groups`: all of them, or those that are named. Undefined where nothing is said. */
function groupsNamed(invocation: Invocation): 'all' | readonly string[] | undefined {
  const asked = text(invocation, 'groups');
  if (asked === undefined || asked === 'all') return asked;
  const names = asked
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length > 0) return names;
  throw usage('groups-missing', `'${asked}' (--groups) names no group.`, 'Write all, or names with commas between.');
}
