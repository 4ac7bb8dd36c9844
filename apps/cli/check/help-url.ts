import { usage } from '../failure.js';
import type { ProjectFile } from '../project/project-file.js';

/** Where the page of a rule is in the documentation of a release; the pages are in docs/rules of it. */
const BUILT_IN = 'docs/rules/{rule}.md';
/** Rules without a page of their own: refusals of a service, which it explains itself, and policies, whose file says all. */
const WITHOUT_PAGE = /^(registry|policy)\//;

/** Rule id to the address of its page: null for what has none, a path of the documentation where no address is set. */
export type HelpUrls = (ruleId: string) => string | null;

/**
 * The pages of rules, by `WEIR_HELP_URL`, else `check.helpUrl` of the project file, else as a path. `{rule}` stands for the rule.
 * @throws Failure for an address without `{rule}`.
 */
export function helpUrls(file: ProjectFile | undefined, env: Readonly<Record<string, string | undefined>>): HelpUrls {
  const [pattern, origin] = env['WEIR_HELP_URL']
    ? [env['WEIR_HELP_URL'], 'WEIR_HELP_URL']
    : [file?.check?.helpUrl ?? BUILT_IN, 'check.helpUrl'];
  if (!pattern.includes('{rule}'))
    throw usage(
      'help-url-invalid',
      `'${pattern}' (${origin}) does not say where the rule goes.`,
      'Write {rule} in it: https://docs.example.com/rules/{rule}.',
    );
  return (ruleId) => (WITHOUT_PAGE.test(ruleId) ? null : pattern.replace('{rule}', ruleId));
}

/** Whether it leads somewhere by itself. */
export function isAddress(url: string | null): url is string {
  return url !== null && /^https?:\/\//.test(url);
}
