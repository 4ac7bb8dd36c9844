import type { SchemaReport } from '../check/judge.js';
import type { Found } from '../commands/findings-output.js';
import type { MadePlan } from './make-plan.js';

/** A plan as a report of findings: a schema for each that is registered, and what is in the way. */
export function reportOf({ plan, project, schemas, client, findings }: MadePlan): Found {
  const outcomes = new Map(
    plan.changes.filter(({ kind }) => kind === 'register').map((change) => [change.subject, change]),
  );
  return {
    kind: 'CheckReport',
    against: `the registry at ${client.address}`,
    schemas: schemas.map(({ subject, file, level }): SchemaReport => {
      const change = outcomes.get(subject);
      return {
        subject,
        file,
        status:
          change === undefined
            ? 'invalid'
            : change.outcome === 'unchanged'
              ? 'unchanged'
              : change.outcome !== 'refused'
                ? change.version === 1
                  ? 'new'
                  : 'compatible'
                : change.refusal?.code === 'schema-incompatible'
                  ? 'incompatible'
                  : 'invalid',
        level: level?.value ?? 'BACKWARD',
        levelOrigin: level?.origin ?? 'registry',
        comparedWith: [...new Set(findings.filter((one) => one.subject === subject).map((one) => one.againstVersion))],
      };
    }),
    findings,
    failOn: 'error',
    most: undefined,
    root: project.root,
    noFail: false,
    helpUrls: (ruleId) => findings.find((one) => one.ruleId === ruleId)?.helpUrl ?? null,
  };
}
