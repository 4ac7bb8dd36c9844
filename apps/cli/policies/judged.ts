import { finding, locationIn, type CheckFinding, type FindingLocation } from '../check/finding.js';
import type { ProjectFile, ProjectTopic } from '../project/project-file.js';
import type { ProjectSchema } from '../project/project.js';
import { PLAIN_SCHEMA, PLAIN_TOPIC, projectFacts, SchemasSeen, topicFacts } from './facts.js';
import type { Policy } from './policy-file.js';

export interface PolicedProject {
  readonly file: ProjectFile | undefined;
  /** Those that are asked about, from the first of the project file on. */
  readonly topics: readonly ProjectTopic[];
  /** All schemas of the project; others may refer to them. */
  readonly all: readonly ProjectSchema[];
  /** Those of them that are asked about. */
  readonly chosen: readonly ProjectSchema[];
  /** Where the project file has a topic. */
  readonly placeOfTopic: (index: number) => FindingLocation;
}

/** What the policies have against topics and schemas of a project. An expression that cannot be answered is an error of its own: silence would be a yes. */
export async function policyFindings(
  policies: readonly Policy[],
  { file, topics, all, chosen, placeOfTopic }: PolicedProject,
): Promise<readonly CheckFinding[]> {
  const project = projectFacts(file);
  const found: CheckFinding[] = [];
  const ofTopics = policies.filter((policy) => policy.on === 'topic');
  const ofSchemas = policies.filter((policy) => policy.on === 'schema');
  if (ofTopics.length > 0)
    for (const [index, topic] of topics.entries())
      for (const policy of ofTopics)
        found.push(...judged(policy, topicFacts(topic), project, `topic ${topic.name}`, () => placeOfTopic(index)));
  if (ofSchemas.length > 0) {
    const seen = new SchemasSeen(all);
    for (const schema of chosen) {
      const facts = await seen.factsOf(schema);
      for (const policy of ofSchemas)
        found.push(...judged(policy, facts, project, schema.subject, () => locationIn(schema.file, schema.text, null)));
    }
  }
  return found;
}

function judged(
  policy: Policy,
  about: object,
  project: object,
  subject: string,
  place: () => FindingLocation,
): readonly CheckFinding[] {
  const told = (message: string, level: CheckFinding['level'], help: string | null): readonly CheckFinding[] => [
    finding({
      ruleId: `policy/${policy.id}`,
      level,
      direction: null,
      subject,
      againstVersion: null,
      path: '',
      location: place(),
      before: null,
      after: null,
      message,
      help,
    }),
  ];
  try {
    if (!policy.isAbout(about, project) || policy.isKept(about, project)) return [];
    return told(`Not kept: ${policy.title}.`, policy.severity, policy.fix ?? null);
  } catch (error) {
    return told(
      `The policy cannot be answered: ${(error as Error).message}.`,
      'error',
      `Its expressions are in ${policy.file}:${policy.line}; say in \`where\` what it is about, as has(topic.config.x).`,
    );
  }
}

/** What came of one test that a policy file holds. */
export interface PolicyTestResult {
  readonly policy: string;
  readonly test: string;
  readonly passed: boolean;
  /** Why it did not pass; null where it did. */
  readonly message: string | null;
}

/** Runs the tests that the files of policies hold. */
export function policyTests(policies: readonly Policy[]): readonly PolicyTestResult[] {
  return policies.flatMap((policy) =>
    policy.tests.map(({ name, given, holds }): PolicyTestResult => {
      const plain = policy.on === 'topic' ? PLAIN_TOPIC : PLAIN_SCHEMA;
      const strange = Object.keys(given).filter((member) => !Object.hasOwn(plain, member));
      if (strange.length > 0)
        return {
          policy: policy.id,
          test: name,
          passed: false,
          message: `A ${policy.on} has no ${strange.join(', ')}; it has ${Object.keys(plain).join(', ')}.`,
        };
      try {
        const about = { ...plain, ...given };
        const held = !policy.isAbout(about, projectFacts(undefined)) || policy.isKept(about, projectFacts(undefined));
        return {
          policy: policy.id,
          test: name,
          passed: held === holds,
          message:
            held === holds ? null : `The policy ${held ? 'holds' : 'does not hold'}, and should${holds ? '' : ' not'}.`,
        };
      } catch (error) {
        return { policy: policy.id, test: name, passed: false, message: (error as Error).message };
      }
    }),
  );
}
