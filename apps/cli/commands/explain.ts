import { nearest } from '#libs/core/kernel';
import { argument, given, type Handler } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { described, listed } from '../outcome.js';
import { VERSION } from '../version.js';

export const version: Handler = async ({ flags, settings }) => {
  const data: Record<string, unknown> = { version: VERSION, node: process.version, service: null };
  if (flags.verbose) data['service'] = await (await (await settings()).client()).get('/v1/metadata/version');
  return described('Version', data, VERSION, {
    weir: VERSION,
    node: process.version,
    ...(flags.verbose ? { service: data['service'] } : {}),
  });
};

/** `weir explain`: a rule, a code of an error, or an exit code. */
export const explain: Handler = async (invocation) => {
  const { ruleCatalogue, ruleEntry } = await import('../rules/catalogue.js');
  if (given(invocation, 'list')) {
    return listed(
      'Rules',
      ruleCatalogue(),
      [
        { title: 'rule', of: ({ id }) => id },
        { title: 'category', of: ({ category }) => category },
        { title: 'severity', of: ({ severity }) => severity },
        { title: 'title', of: ({ title }) => title },
        { title: 'purpose', wide: true, of: ({ purpose }) => purpose },
      ],
      ({ id }) => id,
    );
  }
  const asked = argument(invocation, 0);
  const exit = EXIT_CODES.find(({ code, name }) => String(code) === asked || name === asked);
  if (exit !== undefined) return described('ExitCode', { ...exit }, String(exit.code));
  const rule = ruleEntry(asked);
  if (rule !== undefined) return described('Rule', { ...rule }, rule.id);
  const known = [...ruleCatalogue().map(({ id }) => id), ...EXIT_CODES.map(({ name }) => name)];
  const near = nearest(asked, known) ?? known.find((id) => id.endsWith(`/${asked}`));
  throw new Failure({
    code: 'rule-unknown',
    exit: 'not-found',
    message: `There is no rule and no exit code '${asked}'.`,
    hint: near === undefined ? 'weir explain --list shows all rules.' : `Did you mean '${near}'?`,
  });
};
