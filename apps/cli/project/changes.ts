import type { CompatibilityLevel } from '#libs/core/schema';
import type { Client } from '../http/client.js';
import type { Project } from './project.js';
import { ReferenceTrouble, SchemaSet } from './schema-set.js';
import { unreadable } from '../check/judge.js';
import type { CheckFinding } from '../check/finding.js';

/** A change as the service takes it (`POST /v1/schema-changes:plan`). */
export type SchemaChange =
  | {
      readonly kind: 'register';
      readonly subject: string;
      readonly schema: string;
      readonly schemaType: string;
      readonly references: readonly { readonly name: string; readonly subject: string; readonly version?: number }[];
      readonly metadata?: object | null;
      readonly normalize: boolean;
    }
  | {
      readonly kind: 'set-config';
      readonly subject: string;
      readonly config: { readonly compatibility: CompatibilityLevel };
    }
  | { readonly kind: 'delete'; readonly subject: string };

/** What makes the registry what the project says: settings before the schemas that are judged by them. */
export async function changesOf(
  project: Project,
  client: Client,
  prune: boolean,
): Promise<{ readonly changes: readonly SchemaChange[]; readonly findings: readonly CheckFinding[] }> {
  const set = new SchemaSet(project.schemas);
  const findings: CheckFinding[] = [];
  const registrations = project.schemas.flatMap((schema): SchemaChange[] => {
    try {
      return [
        {
          kind: 'register',
          subject: schema.subject,
          schema: schema.text,
          schemaType: schema.schemaType,
          references: set
            .referencesOf(schema)
            .map(({ name, subject, version }) =>
              version === undefined ? { name, subject } : { name, subject, version },
            ),
          ...(schema.metadata === null ? {} : { metadata: schema.metadata }),
          normalize: schema.normalize,
        },
      ];
    } catch (error) {
      if (!(error instanceof ReferenceTrouble)) throw error;
      findings.push(unreadable(schema, error));
      return [];
    }
  });
  return {
    changes: [...settingsOf(project), ...registrations, ...(prune ? await pruned(project, client) : [])],
    findings,
  };
}

/** Levels that the project states. The service tells which of them are set already. */
function settingsOf({ schemas }: Project): readonly SchemaChange[] {
  return schemas.flatMap(({ subject, level }): SchemaChange[] =>
    level === undefined ? [] : [{ kind: 'set-config', subject, config: { compatibility: level.value } }],
  );
}

/** Subjects that carry the project's owner and are not in it. */
async function pruned({ file, schemas }: Project, client: Client): Promise<readonly SchemaChange[]> {
  const owner = file?.owner;
  if (owner === undefined) return [];
  const kept = new Set(schemas.map(({ subject }) => subject));
  const found = new Set<string>();
  for await (const { subject } of client.pages<{ subject: string }>('/v1/schemas', { owner }))
    if (!kept.has(subject)) found.add(subject);
  return [...found].sort().map((subject) => ({ kind: 'delete', subject }));
}
