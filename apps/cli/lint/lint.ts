import { nearest } from '#libs/core/kernel';
import { finding, locationIn, type CheckFinding } from '../check/finding.js';
import { usage } from '../failure.js';
import type { ProjectFile } from '../project/project-file.js';
import type { ProjectSchema } from '../project/project.js';
import { LINT_RULES } from './rules.js';
import type { LintRule } from './rule.js';

/** The rules that a project uses. @throws Failure for a name that is none. */
export function rulesInUse({
  use = ['standard'],
  except = [],
}: NonNullable<ProjectFile['lint']> = {}): readonly LintRule[] {
  const known = ['standard', 'strict', ...LINT_RULES.map(({ id }) => id)];
  for (const name of [...use, ...except]) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw usage(
      'rule-unknown',
      `There is no lint rule or category '${name}'.`,
      near === undefined ? 'weir explain --list shows all rules.' : `Did you mean '${near}'?`,
    );
  }
  const named = (names: readonly string[], { id, category }: LintRule): boolean =>
    names.includes(id) || names.includes(category) || (category === 'standard' && names.includes('strict'));
  return LINT_RULES.filter((rule) => named(use, rule) && !except.includes(rule.id) && !except.includes(rule.category));
}

/** What the rules say of a schema. */
export function lintSchema(schema: ProjectSchema, rules: readonly LintRule[]): readonly CheckFinding[] {
  return rules
    .filter(({ schemaType }) => schemaType === null || schemaType === schema.schemaType)
    .flatMap((rule) =>
      rule.look(schema).map(({ at, path, message, found }) =>
        finding({
          ruleId: rule.id,
          level: rule.severity,
          direction: null,
          subject: schema.subject,
          againstVersion: null,
          path,
          location: locationIn(schema.file, schema.text, placeOf(schema.text, at)),
          before: null,
          after: found,
          message,
          help: rule.fix,
        }),
      ),
    );
}

function placeOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at);
  const start = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - start + 1 };
}
