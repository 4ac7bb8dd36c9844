import { withCommands } from '../http/command-hints.js';
import { finding, locationIn, type CheckFinding } from '../check/finding.js';
import type { Invocation } from '../command.js';
import { excused } from '../commands/check.js';
import { policiesAgainst } from '../commands/policed.js';
import { countsAt } from '../check/finding.js';
import { helpUrls } from '../check/help-url.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { changesOf, type SchemaChange } from '../project/changes.js';
import type { PlanFile, PlannedChange, ServerPlan } from '../project/plan-file.js';
import { loadSchemas, projectPlaces, type ProjectSchema } from '../project/project.js';
import { DiskTree } from '../project/source-tree.js';
import { declaredTopic, type DeclaredTopic, type PlannedTopic, type TopicsPlan } from '../project/topics.js';
import type { FoundProject } from '../settings/settings.js';

/** A plan with what it was made of. */
export interface MadePlan {
  readonly project: FoundProject;
  readonly schemas: readonly ProjectSchema[];
  readonly client: Client;
  /** As they were sent. */
  readonly changes: readonly SchemaChange[];
  readonly topics: readonly DeclaredTopic[];
  readonly plan: ServerPlan;
  readonly topicsPlan: TopicsPlan;
  /** What is in the way, at its place in the project; and what policies say. */
  readonly findings: readonly CheckFinding[];
  /** Everything that keeps the plan from being applied. */
  readonly blockers: readonly string[];
}

const NO_TOPICS: TopicsPlan = { blockers: [], restsOn: [], topics: [] };

/** Asks the service what the project comes to: one request for its schemas, one for its topics, however many there are. */
export async function makePlan(invocation: Invocation, prune: boolean): Promise<MadePlan> {
  const settings = await invocation.settings();
  const project = settings.requireProject();
  const { root, file, fileName } = project;
  if (prune && file.owner === undefined)
    throw usage(
      'owner-missing',
      'Only what carries the owner of the project is pruned, and it has none.',
      'Add `owner:` to the project file, and metadata.properties.owner to its schemas.',
    );
  const schemas = await loadSchemas(new DiskTree(root), file, { name: fileName, env: invocation.io.env });
  const client = await settings.client();
  const { changes, findings: troubles } = await changesOf({ file, schemas }, client, prune);
  const plan =
    troubles.length > 0 || changes.length === 0
      ? unasked(troubles)
      : await client.post<ServerPlan>('/v1/schema-changes:plan', { changes });
  const topics = (file.topics ?? []).map(declaredTopic);
  const topicsPlan =
    topics.length === 0 ? NO_TOPICS : await client.post<TopicsPlan>('/v1/topic-changes:plan', { topics });
  const chosen = { root, fileName, file, all: schemas, chosen: schemas, whole: true };
  const policed = await excused(
    invocation,
    chosen,
    await policiesAgainst(invocation, chosen),
    file.check?.ignore ?? [],
  );
  const against = policed.filter((one) => countsAt(file.check?.failOn ?? 'error', one));
  const urls = helpUrls(file, invocation.io.env);
  return {
    project,
    schemas,
    client,
    changes,
    topics,
    plan,
    topicsPlan,
    findings: [
      ...troubles,
      ...plan.changes.flatMap((change) => schemaFindings(change, schemas, fileName)),
      ...(await topicFindings(invocation, project, topicsPlan.topics)),
      ...policed,
    ].map((one) => ({ ...one, helpUrl: urls(one.ruleId) })),
    blockers: [
      ...plan.blockers,
      ...topicsPlan.blockers,
      ...against.map(({ ruleId, subject, message }) => `${subject}: ${message} (${ruleId})`),
    ],
  };
}

/** All that it takes to apply the plan. */
export function fileOf({ client, plan: { hash, restsOn }, changes, topics, topicsPlan, blockers }: MadePlan): PlanFile {
  return {
    apiVersion: 'v1',
    kind: 'PlanFile',
    server: client.address,
    hash,
    blockers,
    restsOn,
    changes,
    topics,
    topicsRestOn: topicsPlan.restsOn,
  };
}

function unasked(troubles: readonly CheckFinding[]): ServerPlan {
  const blockers = troubles.map(({ message }) => message);
  return { hash: '', verdict: blockers.length > 0 ? 'blocked' : 'ok', blockers, restsOn: [], changes: [] };
}

/** Why topics cannot be as they are declared, at their places in the project file. */
async function topicFindings(
  { io }: Invocation,
  { root, fileName, file }: FoundProject,
  topics: readonly PlannedTopic[],
): Promise<readonly CheckFinding[]> {
  const refused = topics.filter(({ refusal }) => refusal !== null);
  if (refused.length === 0) return [];
  const { text, placeOf } = await projectPlaces(new DiskTree(root), fileName, io.env);
  return refused.map(({ topic, refusal }) => {
    const index = (file.topics ?? []).findIndex(({ name }) => name === topic);
    const member = refusal!.code === 'topic-partitions-differ' ? ['partitions'] : [];
    return finding({
      ruleId: `topic/${refusal!.code}`,
      level: 'error',
      direction: null,
      subject: `topic ${topic}`,
      againstVersion: null,
      path: '',
      location: locationIn(fileName, text, placeOf(['topics', index, ...member])),
      before: null,
      after: null,
      message: refusal!.message,
      help: refusal!.hint === null ? null : withCommands(refusal!.hint),
    });
  });
}

/** Why a change is refused, at its place in the file. */
function schemaFindings(
  { subject, refusal }: PlannedChange,
  schemas: readonly ProjectSchema[],
  fileName: string,
): readonly CheckFinding[] {
  if (refusal === null) return [];
  const schema = schemas.find((one) => one.subject === subject);
  const [file, source] = schema === undefined ? [fileName, ''] : [schema.file, schema.text];
  if (refusal.findings.length > 0) {
    return refusal.findings.map((one) =>
      finding({
        ruleId: one.ruleId,
        level: 'error',
        direction: one.direction === 'new-reads-old' ? 'backward' : 'forward',
        subject,
        againstVersion: one.version,
        path: one.place,
        location: locationIn(file, source, one.position),
        before: one.before,
        after: one.after,
        message: `${one.what} ${one.breaks} ${one.whom}`,
        help: one.fix,
      }),
    );
  }
  const place = /\(line (\d+), column (\d+)\)/.exec(refusal.message);
  return [
    finding({
      ruleId: refusal.code === 'schema-invalid' ? 'schema/invalid' : `registry/${refusal.code}`,
      level: 'error',
      direction: null,
      subject,
      againstVersion: null,
      path: '',
      location: locationIn(file, source, place === null ? null : { line: Number(place[1]), column: Number(place[2]) }),
      before: null,
      after: null,
      message: refusal.message,
      help: refusal.hint === null ? null : withCommands(refusal.hint),
    }),
  ];
}
