import { z } from 'zod';
import { Failure, usage } from '../failure.js';
import { globMatcher } from '../project/glob.js';
import type { SourceTree } from '../project/source-tree.js';
import { readYaml, type FileProblem } from '../project/yaml-file.js';
import { compiled, type Expression } from './expression.js';

const SUBJECTS = ['topic', 'schema'] as const;

const policy = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'must be lower-case words with hyphens between them')
    .describe('Findings cite it as policy/ID.'),
  title: z.string().min(1).describe('What holds where it is kept.'),
  on: z.enum(SUBJECTS).describe('Each topic, or each schema, of the project.'),
  severity: z.enum(['error', 'warning', 'info']).default('error'),
  where: z.string().min(1).optional().describe('A CEL expression: those it is about; all when left out.'),
  require: z.string().min(1).describe('A CEL expression that must be true.'),
  fix: z.string().min(1).optional().describe('What to do where it is not.'),
  tests: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        given: z
          .record(z.string(), z.unknown())
          .describe('Members of the topic or schema; others are as in one that says nothing.'),
        holds: z.boolean(),
      }),
    )
    .default([])
    .describe('Run by weir policy test.'),
});

/** The shape of a file of policies. */
export const policiesShape = z.strictObject({ apiVersion: z.literal('v1'), policies: z.array(policy) });

/** A policy that is ready to be asked. */
export interface Policy extends z.infer<typeof policy> {
  /** Where it is written, relative to the project file. */
  readonly file: string;
  readonly line: number;
  readonly isAbout: Expression;
  readonly isKept: Expression;
}

/**
 * The policies of the files that the project names, in that order.
 * @throws Failure for a file that is not there, a pattern that matches none, an id that occurs twice, or what is no expression, each with its line.
 */
export async function readPolicies(
  tree: SourceTree,
  patterns: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Policy[]> {
  if (patterns.length === 0) return [];
  const listing = await tree.list();
  const files = new Set<string>();
  for (const [index, pattern] of patterns.entries()) {
    const found = listing.filter(globMatcher(pattern));
    if (found.length === 0)
      throw usage(
        'policies-missing',
        `No file is at '${pattern}' (policies[${index}]).`,
        'Paths are relative to the project file.',
      );
    for (const file of found) files.add(file);
  }
  const texts = await tree.read([...files]);
  const policies: Policy[] = [];
  const problems: FileProblem[] = [];
  for (const [file, text] of texts) {
    const { value, placeOf } = readYaml(policiesShape, { text: text ?? '', file, env });
    for (const [at, one] of value.policies.entries()) {
      const problem = (member: string, message: string, hint: string | null): void => {
        problems.push({
          file,
          ...placeOf(['policies', at, member]),
          path: `policies[${at}].${member}`,
          message,
          hint,
        });
      };
      const other = policies.find(({ id }) => id === one.id);
      if (other !== undefined)
        problem('id', `The policy '${one.id}' is in ${other.file}:${other.line}, too.`, 'Give it an id of its own.');
      const expression = (member: 'where' | 'require', source: string): Expression => {
        try {
          return compiled(source, one.on);
        } catch (error) {
          problem(
            member,
            `${member} is no expression: ${(error as Error).message}`,
            `It sees '${one.on}' and 'project'.`,
          );
          return () => false;
        }
      };
      policies.push({
        ...one,
        file,
        line: placeOf(['policies', at]).line,
        isAbout: one.where === undefined ? () => true : expression('where', one.where),
        isKept: expression('require', one.require),
      });
    }
  }
  if (problems.length > 0) {
    const [first] = problems;
    throw new Failure({
      code: 'policies-invalid',
      exit: 'usage',
      message: `${first!.file}:${first!.line}:${first!.column}: ${first!.message}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}`,
      hint: first!.hint,
      findings: problems,
    });
  }
  return policies;
}
