import { argument, given, text, type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import type { StreamEvent } from '../operations/event-stream.js';
import {
  againText,
  progressLine,
  size,
  verificationText,
  type Goal,
  type OperationStatus,
} from '../operations/operation.js';
import { startedOutcome } from '../operations/planned.js';
import { ended, watchOperation } from '../operations/watch.js';
import { confirm } from '../settings/confirm.js';
import { bytes, milliseconds } from '../settings/durations.js';

/** Commands after which nothing is as it was. */
const DESTRUCTIVE = new Set(['cutover', 'finish', 'rollback', 'cancel']);

/** What who waits after such a command waits for. */
const GOALS: Readonly<Record<string, Goal | undefined>> = {
  rollback: 'ROLLED_BACK',
  finish: 'FINISHED',
  cancel: 'CANCELLED',
};

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const since = text(invocation, 'since');
  const earliest =
    since === undefined ? undefined : new Date(Date.now() - milliseconds(since, '--since')).toISOString();
  const items: OperationStatus[] = [];
  for await (const item of client.pages<OperationStatus>('/v1/operations', {
    state: text(invocation, 'state')?.toUpperCase(),
    kind: text(invocation, 'kind'),
    topic: text(invocation, 'topic'),
    mine: given(invocation, 'mine') || undefined,
  })) {
    // Newest first, so nothing after it is younger.
    if (earliest !== undefined && item.createdAt < earliest) break;
    items.push(item);
  }
  return listed(
    'OperationList',
    items,
    [
      { title: 'id', of: ({ id }) => id },
      { title: 'kind', of: ({ kind }) => kind },
      { title: 'subject', of: ({ subject }) => subject },
      { title: 'state', of: ({ state }) => state },
      { title: 'percent', right: true, of: ({ progress }) => progress?.percent?.toFixed(1) },
      { title: 'started by', of: ({ createdBy }) => createdBy },
      { title: 'created', wide: true, of: ({ createdAt }) => createdAt },
      { title: 'next', wide: true, of: ({ nextAction }) => nextAction },
    ],
    ({ id }) => id,
    'There are no operations.',
  );
};

export const get: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const status = await client.get<OperationStatus>(pathOf(argument(invocation, 0)));
  const { id, kind, subject, state, phase, createdBy, createdAt, startReason, nextAction, commands, rollback } = status;
  const { planHash, throttle } = status;
  return described('Operation', status as unknown as Record<string, unknown>, id, {
    id,
    kind,
    subject,
    state,
    phase,
    progress: progressLine(status),
    'started by': createdBy,
    because: startReason ?? undefined,
    plan: planHash.slice(0, 12),
    created: createdAt,
    limits: limitsText(throttle.limits),
    'held back': throttle.active ? `${throttle.reason}, since ${throttle.since}` : undefined,
    verification: verificationText(status),
    cutover: againText(status) || undefined,
    next: nextAction,
    'possible now': commands,
    'way back until': rollback.available ? (rollback.until ?? 'open') : undefined,
  });
};

/** `weir op watch`: with `-o jsonl` each event as a line, progress on stderr. */
export const watch: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const onEvent = (event: StreamEvent): Promise<void> =>
    invocation.emit({ id: event.id ?? null, event: event.event, data: event.data }, '');
  const streaming = invocation.output === 'jsonl';
  const outcome = await watchOperation(invocation, client, argument(invocation, 0), streaming ? { onEvent } : {});
  if (!streaming) return outcome;
  // How it stands at the end, also of one that was over before.
  await invocation.emit({ id: null, event: 'status', data: outcome.data }, '');
  return { ...outcome, printed: true };
};

export const logs: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items = [];
  for await (const item of client.pages<{ sequence: number; at: string; type: string; data: Record<string, unknown> }>(
    `${pathOf(argument(invocation, 0))}/history`,
  ))
    items.push(item);
  return listed(
    'OperationHistory',
    items,
    [
      { title: 'at', of: ({ at }) => at },
      { title: 'event', of: ({ type }) => type },
      { title: 'data', of: ({ data }) => JSON.stringify(data) },
    ],
    ({ sequence }) => String(sequence),
    'Nothing has happened yet.',
  );
};

/** A command to an operation, as `weir op pause`. */
export function command(name: string): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const id = argument(invocation, 0);
    if (invocation.flags.dryRun) {
      const status = await client.get<OperationStatus>(pathOf(id));
      const possible = status.commands.includes(name);
      return {
        ...ended(status),
        text: `${name} is ${possible ? '' : 'not '}possible while ${id} is ${status.state}.`,
        exit: possible ? 'done' : 'conflict',
        error: undefined,
      };
    }
    const limits = name === 'throttle' ? limitsOf(invocation) : {};
    if (name === 'throttle' && Object.keys(limits).length === 0)
      throw usage(
        'limit-missing',
        'Say which limit: --rate, --records-rate, --max-lag or --max-produce; off takes one away.',
        `weir op get ${id} shows those there are.`,
      );
    if (DESTRUCTIVE.has(name)) await confirm(invocation, `${name} ${id} at ${client.address}.`);
    const status = await client.post<OperationStatus>(`${pathOf(id)}:${name}`, limits);
    return startedOutcome(invocation, client, status, GOALS[name]);
  };
}

/** Limits as they are given, `none` where nothing is limited; undefined where the service does not tell. */
function limitsText(limits: OperationStatus['throttle']['limits']): string | undefined {
  if (limits === undefined) return undefined;
  const { bytesPerSecond, recordsPerSecond, maxGroupLagMs, maxProduceMs } = limits;
  const said = [
    bytesPerSecond === null ? undefined : `rate ${size(bytesPerSecond)}/s`,
    recordsPerSecond === null ? undefined : `records-rate ${recordsPerSecond}`,
    maxGroupLagMs === null ? undefined : `max-lag ${maxGroupLagMs}ms`,
    maxProduceMs === null ? undefined : `max-produce ${maxProduceMs === 'auto' ? 'auto' : `${maxProduceMs}ms`}`,
  ].filter((one) => one !== undefined);
  return said.length === 0 ? 'none' : said.join(', ');
}

/** Limits of an operation by `--rate`, `--records-rate`, `--max-lag`, `--max-produce`; `off` takes one away. */
export function limitsOf(invocation: Invocation): Record<string, number | 'auto' | null> {
  const limits: Record<string, number | 'auto' | null> = {};
  const take = (option: string, name: string, read: (value: string) => number | 'auto'): void => {
    const value = text(invocation, option);
    if (value !== undefined) limits[name] = value === 'off' ? null : read(value);
  };
  take('rate', 'bytesPerSecond', (value) => bytes(value, '--rate'));
  take('recordsRate', 'recordsPerSecond', (value) => number(value, '--records-rate'));
  take('maxLag', 'maxGroupLagMs', (value) => milliseconds(value, '--max-lag'));
  take('maxProduce', 'maxProduceMs', (value) => (value === 'auto' ? value : milliseconds(value, '--max-produce')));
  return limits;
}

/** @throws Failure for what is no whole number. */
export function number(value: string, name: string): number {
  if (!/^\d{1,15}$/.test(value)) throw usage('number-invalid', `'${value}' (${name}) is no whole number.`);
  return Number(value);
}

function pathOf(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}
