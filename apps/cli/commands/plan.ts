import { resolve } from 'node:path';
import { given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure } from '../failure.js';
import type { Outcome } from '../outcome.js';
import { applied } from '../planning/apply-plan.js';
import { fileOf, makePlan, type MadePlan } from '../planning/make-plan.js';
import { reportOf } from '../planning/plan-report.js';
import { appliedOutcome, changeLines, countText, planOutcome } from '../planning/shown.js';
import { readPlan, writePlan } from '../project/plan-file.js';
import { confirm } from '../settings/confirm.js';
import { reported } from './findings-output.js';

/** `weir plan`: what applying the project would do. */
export const plan: Handler = async (invocation) => {
  const made = await makePlan(invocation, given(invocation, 'prune'));
  const out = text(invocation, 'out');
  if (out !== undefined) await writePlan(resolve(invocation.io.cwd, out), fileOf(made));
  return inFormats(invocation, made, planOutcome(made, given(invocation, 'exitCode')));
};

/** `weir drift`: whether the service still is what the project says. Nothing is written. */
export const drift: Handler = async (invocation) => {
  const made = await makePlan(invocation, given(invocation, 'prune'));
  return inFormats(invocation, made, planOutcome(made, true));
};

/** `weir apply`: what was planned, all of it or nothing. */
export const apply: Handler = async (invocation) => {
  const from = text(invocation, 'plan');
  if (from !== undefined) {
    const client = await (await invocation.settings()).client();
    const file = await readPlan(resolve(invocation.io.cwd, from));
    await client.find('/v1/metadata/id');
    if (file.server !== client.address) {
      throw new Failure({
        code: 'plan-of-another-service',
        exit: 'conflict',
        message: `The plan is of ${file.server}, and this is ${client.address}.`,
        hint: 'Make the plan with the service it is for, or name that one: --server.',
      });
    }
    return applied(invocation, client, file);
  }
  const made = await makePlan(invocation, given(invocation, 'prune'));
  const shown = planOutcome(made, false);
  if (shown.exit === 'no' || invocation.flags.dryRun) return shown;
  const { client, plan: planned, topicsPlan } = made;
  if ([...planned.changes, ...topicsPlan.topics].every(({ outcome }) => outcome === 'unchanged'))
    return appliedOutcome(client.address, [], []);
  for (const line of changeLines(planned.changes, topicsPlan.topics)) invocation.say(line);
  await confirm(invocation, `${countText(planned.changes, topicsPlan.topics)} at ${client.address}.`);
  return applied(invocation, client, fileOf(made));
};

/** What a plan found, in the formats of findings: those that are asked for, and that of the CI it runs in. The exit code stays the plan's. */
async function inFormats(invocation: Invocation, made: MadePlan, outcome: Outcome): Promise<Outcome> {
  const asked = texts(invocation, 'format').length > 0;
  const { raw, text: shown } = await reported(invocation, reportOf(made), asked ? 'all' : 'of-ci');
  if (asked) return { ...outcome, raw: raw ?? '' };
  return { ...outcome, text: `${outcome.text ?? ''}${shown === undefined || shown === '' ? '' : `\n${shown}`}` };
}
