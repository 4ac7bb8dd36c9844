import { resolve } from 'node:path';
import { given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { applied, tellPipeline } from '../planning/apply-plan.js';
import { approvedPlan, isRequestId, requestPath, submitted } from '../planning/change-request.js';
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
  const outcome = planOutcome(made, given(invocation, 'exitCode'));
  const shown = given(invocation, 'submit') ? await submittedPlan(invocation, made, outcome) : outcome;
  return inFormats(invocation, made, shown);
};

/** The plan as a change request; a plan that is blocked or has nothing to do is none. */
async function submittedPlan(invocation: Invocation, made: MadePlan, outcome: Outcome): Promise<Outcome> {
  const data = outcome.data as { readonly pending: number };
  if (outcome.exit === 'no' || data.pending === 0 || invocation.flags.dryRun) return outcome;
  const title = text(invocation, 'title') ?? countText(made.plan.changes, made.topicsPlan.topics);
  const request = await submitted(made.client, fileOf(made), title, text(invocation, 'note'));
  return {
    ...outcome,
    data: { ...data, request: request.id },
    text: `${outcome.text ?? ''}\nSubmitted as ${request.id}. Somebody else approves it: weir request approve ${request.id}\nThen: weir apply --plan ${request.id}`,
    names: [request.id],
  };
}

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
    if (isRequestId(from)) {
      const plan = await approvedPlan(client, from);
      const outcome = await applied(invocation, client, plan);
      return invocation.flags.dryRun || outcome.exit === 'partial' ? outcome : closed(client, from, outcome);
    }
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
  if ([...planned.changes, ...topicsPlan.topics].every(({ outcome }) => outcome === 'unchanged')) {
    await tellPipeline(invocation, planned.hash, []);
    return appliedOutcome(client.address, [], []);
  }
  for (const line of changeLines(planned.changes, topicsPlan.topics)) invocation.say(line);
  await confirm(invocation, `${countText(planned.changes, topicsPlan.topics)} at ${client.address}.`);
  return applied(invocation, client, fileOf(made));
};

/** Says of the request that it is applied. It is, whatever becomes of that. */
async function closed(client: Client, id: string, outcome: Outcome): Promise<Outcome> {
  try {
    await client.post(`${requestPath(id)}:close`);
    return outcome;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...outcome, warnings: [...(outcome.warnings ?? []), `${id} cannot be closed: ${error.message}`] };
  }
}

/** What a plan found, in the formats of findings: those that are asked for, and that of the CI it runs in. The exit code stays the plan's. */
async function inFormats(invocation: Invocation, made: MadePlan, outcome: Outcome): Promise<Outcome> {
  const asked = texts(invocation, 'format').length > 0;
  const { raw, text: shown } = await reported(invocation, reportOf(made), asked ? 'all' : 'of-ci');
  if (asked) return { ...outcome, raw: raw ?? '' };
  return { ...outcome, text: `${outcome.text ?? ''}${shown === undefined || shown === '' ? '' : `\n${shown}`}` };
}
