import { nearest } from '#libs/core/kernel';
import { helpUrls } from '../check/help-url.js';
import { argument, type Handler, type Invocation } from '../command.js';
import { Failure } from '../failure.js';
import { described, listed } from '../outcome.js';
import { policyTests } from '../policies/judged.js';
import { readPolicies, type Policy } from '../policies/policy-file.js';
import { loadSchemas } from '../project/project.js';
import { DiskTree } from '../project/source-tree.js';
import { policiesAgainst } from './policed.js';
import { excused, failOn, most } from './check.js';
import { reported } from './findings-output.js';

async function policiesOf(invocation: Invocation): Promise<readonly Policy[]> {
  const { root, file } = (await invocation.settings()).requireProject();
  return readPolicies(new DiskTree(root), file.policies ?? [], invocation.io.env);
}

/** `weir policy list`: the policies that the project names. */
export const list: Handler = async (invocation) =>
  listed(
    'PolicyList',
    (await policiesOf(invocation)).map(shown),
    [
      { title: 'policy', of: ({ id }) => id },
      { title: 'on', of: ({ on }) => on },
      { title: 'severity', of: ({ severity }) => severity },
      { title: 'title', of: ({ title }) => title },
      { title: 'place', wide: true, of: ({ file, line }) => `${file}:${line}` },
    ],
    ({ id }) => id,
    'The project names no policies. Add some: policies: [policies/*.yaml]',
  );

/** `weir policy explain ID`: one policy, whole. */
export const explain: Handler = async (invocation) => {
  const policies = await policiesOf(invocation);
  const asked = argument(invocation, 0).replace(/^policy\//, '');
  const found = policies.find(({ id }) => id === asked);
  if (found !== undefined) return described('Policy', shown(found), found.id);
  const near = nearest(
    asked,
    policies.map(({ id }) => id),
  );
  throw new Failure({
    code: 'policy-unknown',
    exit: 'not-found',
    message: `The project has no policy '${asked}'.`,
    hint: near === undefined ? 'weir policy list shows those it has.' : `Did you mean '${near}'?`,
  });
};

/** `weir policy test`: the tests that the files of policies hold, then the policies on the project. Offline. */
export const test: Handler = async (invocation) => {
  const policies = await policiesOf(invocation);
  const failed = policyTests(policies).filter(({ passed }) => !passed);
  if (failed.length > 0) {
    const [first] = failed;
    throw new Failure({
      code: 'policy-tests-failed',
      exit: 'no',
      message: `policy/${first!.policy}, test '${first!.test}': ${first!.message}${failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''}`,
      hint: 'Mend the policy or its test; the project was not looked at.',
      findings: failed,
    });
  }
  const { root, file, fileName } = (await invocation.settings()).requireProject();
  const all = await loadSchemas(new DiskTree(root), file, { name: fileName, env: invocation.io.env });
  const chosen = { root, fileName, file, all, chosen: all, whole: true };
  return reported(invocation, {
    kind: 'PolicyReport',
    against: null,
    schemas: all.map(({ subject, file: path }) => ({
      subject,
      file: path,
      status: 'unchanged',
      level: 'NONE',
      levelOrigin: 'policies',
      comparedWith: [],
    })),
    findings: await excused(invocation, chosen, await policiesAgainst(invocation, chosen), file.check?.ignore ?? []),
    failOn: failOn(invocation, file.check?.failOn ?? 'error'),
    most: most(invocation),
    root,
    noFail: invocation.options['fail'] === false,
    helpUrls: helpUrls(file, invocation.io.env),
  });
};

function shown({ id, title, on, severity, where, require, fix, file, line, tests }: Policy) {
  return {
    id,
    title,
    on,
    severity,
    where: where ?? null,
    require,
    fix: fix ?? null,
    tests: tests.length,
    file,
    line,
  };
}
