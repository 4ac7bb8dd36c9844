import { nearest } from '#libs/core/kernel';
import { COMPATIBILITY_LEVELS } from '#libs/core/schema';
import { argument, given, type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { described } from '../outcome.js';
import { confirm } from '../settings/confirm.js';

/** What `compat` and `mode` have alike: a value of a subject or of all, and where the one in force comes from. */
interface Kind {
  readonly path: string;
  readonly read: string;
  readonly written: string;
  readonly kind: string;
  /** What may be set. */
  readonly values: readonly string[];
}

const COMPAT: Kind = {
  path: '/config',
  read: 'compatibilityLevel',
  written: 'compatibility',
  kind: 'Compatibility',
  values: COMPATIBILITY_LEVELS,
};
const MODE: Kind = {
  path: '/mode',
  read: 'mode',
  written: 'mode',
  kind: 'Mode',
  values: ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD'],
};

interface Target {
  readonly path: string;
  readonly name: string;
}

function targetOf(invocation: Invocation, kind: Kind, at: number): Target {
  const subject = argument(invocation, at);
  const global = given(invocation, 'global');
  if (global === (subject !== '')) throw usage('target-missing', 'Name a subject, or say --global.');
  return global
    ? { path: kind.path, name: '(global)' }
    : { path: `${kind.path}/${encodeURIComponent(subject)}`, name: subject };
}

/** A context other than the default one, as subjects name it: `:.staging:orders`. */
const IN_CONTEXT = /^:\.[^:]+:/;

/** The value in force and the nearest place that states it: the subject, its context, or what holds for all. */
async function effective(client: Client, kind: Kind, { path, name }: Target) {
  const stated = async (at: string): Promise<string | undefined> =>
    (await client.find<Record<string, string>>(at))?.[kind.read];
  const own = await stated(path);
  if (own !== undefined || path === kind.path)
    return { target: name, value: own ?? null, origin: path === kind.path ? 'global' : 'subject', wouldBe: null };
  const context = IN_CONTEXT.exec(name)?.[0];
  if (context !== undefined && context !== name) {
    const value = await stated(`${kind.path}/${encodeURIComponent(context)}`);
    if (value !== undefined) return { target: name, value, origin: 'context', wouldBe: null };
  }
  const inherited = await client.get<Record<string, string>>(path, { defaultToGlobal: true });
  return { target: name, value: inherited[kind.read] ?? null, origin: 'global', wouldBe: null };
}

/** For people without what is not asked. */
function told(
  kind: Kind,
  { wouldBe, ...now }: Omit<Awaited<ReturnType<typeof effective>>, 'wouldBe'> & { readonly wouldBe: string | null },
) {
  return described(kind.kind, { ...now, wouldBe }, now.target, wouldBe === null ? now : { ...now, wouldBe });
}

function getting(kind: Kind): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const target = targetOf(invocation, kind, 0);
    return told(kind, await effective(client, kind, target));
  };
}

function setting(kind: Kind): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    // The value comes first, so that a subject may be left out for --global.
    const value = valueOf(kind, argument(invocation, 0));
    const target = targetOf(invocation, kind, 1);
    const change =
      kind === COMPAT ? { kind: 'set-config', config: { compatibility: value } } : { kind: 'set-mode', mode: value };
    if (invocation.flags.dryRun) {
      const purges = await purgesOf(client, kind, target, change);
      const outcome = told(kind, { ...(await effective(client, kind, target)), wouldBe: value });
      return purges === 0 ? outcome : { ...outcome, warnings: [lossOf(target.name, purges)] };
    }
    if (target.path === kind.path)
      await confirm(
        invocation,
        `Set ${kind.written} of every subject without its own to ${value} at ${client.address}.`,
      );
    const purges = EMPTYING.includes(value) ? await purgesOf(client, kind, target, change) : 0;
    if (purges > 0) await confirm(invocation, lossOf(target.name, purges));
    await client.json('PUT', target.path, { body: { [kind.written]: value } });
    return told(kind, await effective(client, kind, target));
  };
}

/** Modes that begin on a subject or context without versions: what was deleted softly there goes for good. */
const EMPTYING = ['IMPORT', 'FORWARD'];

/**
 * Asks the service whether it would make a change, and how many versions would go for good with it. A registry that is no Weir cannot be asked: 0.
 * @throws Failure where it would not.
 */
async function purgesOf(client: Client, kind: Kind, { path, name }: Target, change: object): Promise<number> {
  const checkPath = '/v1/setting-changes:check';
  const answer = await client.call('POST', checkPath, { body: { subject: path === kind.path ? '' : name, ...change } });
  if (answer.status < 400) return (JSON.parse(answer.body.toString('utf8')) as { purges: number }).purges;
  const failure = client.refused('POST', checkPath, answer);
  if (/^(http|registry)-(404|405)$/.test(failure.code)) return 0;
  throw failure;
}

function lossOf(target: string, purges: number): string {
  return `${purges} softly deleted version${purges === 1 ? '' : 's'} of ${target} would go for good.`;
}

/** @throws Failure with the one that was likely meant; where it is that of a subject, with how to write it. */
function valueOf({ written, values }: Kind, asked: string): string {
  const value = asked.toUpperCase();
  if (values.includes(value)) return value;
  const near = nearest(value, values);
  throw usage(
    `${written}-unknown`,
    `'${asked}' is no ${written === 'mode' ? 'mode' : 'compatibility level'}.`,
    near === undefined ? `One of ${values.join(', ')}; the subject comes behind it.` : `Did you mean ${near}?`,
  );
}

function unsetting(kind: Kind): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const target = targetOf(invocation, kind, 0);
    if (!invocation.flags.dryRun) await client.json('DELETE', target.path);
    else await purgesOf(client, kind, target, { kind: kind === COMPAT ? 'delete-config' : 'delete-mode' });
    return told(kind, await effective(client, kind, target));
  };
}

export const compatGet = getting(COMPAT);
export const compatSet = setting(COMPAT);
export const compatUnset = unsetting(COMPAT);
export const modeGet = getting(MODE);
export const modeSet = setting(MODE);
export const modeUnset = unsetting(MODE);
