import { nearest } from '#libs/core/kernel';
import { argument, given, type Handler } from '../command.js';
import { EXIT_CODES, exitCode } from '../exit-codes.js';
import { Failure, usage } from '../failure.js';
import type { ServiceVersion } from '../http/service-version.js';
import { described, listed } from '../outcome.js';
import { VERSION } from '../version.js';

export const version: Handler = async ({ flags, settings }) => {
  const data: Record<string, unknown> = { version: VERSION, node: process.version, service: null };
  if (flags.verbose) {
    const { serviceVersion } = await import('../http/service-version.js');
    data['service'] = await serviceVersion(await (await settings()).client());
  }
  return described('Version', data, VERSION, {
    weir: VERSION,
    node: process.version,
    ...(data['service'] === null ? {} : { service: shownService(data['service'] as ServiceVersion) }),
  });
};

function shownService({ version: own, registryApi }: ServiceVersion): string {
  return `${own ?? 'a registry that is not Weir'}${registryApi === null ? '' : ` (Confluent API ${registryApi})`}`;
}

/** `weir explain`: a rule, a code of an error, or an exit code. */
export const explain: Handler = async (invocation) => {
  const { ruleCatalogue, ruleEntry } = await import('../rules/catalogue.js');
  const { errorCode, errorCodes } = await import('../rules/error-codes.js');
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
  if (asked === '')
    throw usage(
      'target-missing',
      'Say what is to be explained: a rule, a code of an error, or an exit code.',
      'weir explain --list',
    );
  const code = errorCode(asked);
  if (code !== undefined && !EXIT_CODES.some(({ code: number }) => String(number) === asked))
    return described('ErrorCode', { ...code }, code.code, {
      code: code.code,
      meaning: code.meaning,
      next: code.next,
      'exit code': code.exit === null ? 'depends on the command' : `${exitCode(code.exit)} (${code.exit})`,
    });
  const exit = EXIT_CODES.find(({ code, name }) => String(code) === asked || name === asked);
  if (exit !== undefined) return described('ExitCode', { ...exit }, String(exit.code));
  const rule = ruleEntry(asked);
  if (rule !== undefined) return described('Rule', { ...rule }, rule.id);
  const known = [
    ...ruleCatalogue().map(({ id }) => id),
    ...EXIT_CODES.map(({ name }) => name),
    ...errorCodes().map((one) => one.code),
  ];
  const near = nearest(asked, known) ?? known.find((id) => id.endsWith(`/${asked}`));
  throw new Failure({
    code: 'rule-unknown',
    exit: 'not-found',
    message: `There is no rule, no code of an error and no exit code '${asked}'.`,
    hint:
      near === undefined
        ? 'weir explain --list shows all rules. A code of the service comes with its reason and what to do.'
        : `Did you mean '${near}'?`,
  });
};
