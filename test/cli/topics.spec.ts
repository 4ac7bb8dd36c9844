import { afterEach, describe, expect, it } from 'vitest';
import { serverForSuite } from '#libs/platform/testing';
import { avroRecord, ScratchProject } from '../../apps/cli/testing/index.js';
import { dataOf, weir } from './weir-process.js';

interface Planned {
  verdict: string;
  pending: number;
  requests: number;
  topics: { topic: string; outcome: string; partitions: number; protect: boolean | null }[];
  changes: { subject: string; outcome: string }[];
  findings: { ruleId: string; location: { file: string; startLine: number } }[];
}

describe('topics of a project', () => {
  const server = serverForSuite();
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  let run = 0;
  const scratch = (topics: (prefix: string) => string, more = '') => {
    const prefix = `t${++run}`;
    const project = new ScratchProject({
      'weir.yaml': `apiVersion: v1
server: \${WEIR_URL}
defaults: { compatibility: FULL }
schemas:
  - { subject: ${prefix}-value, file: a.avsc }
topics:
${topics(prefix)}${more}`,
      'a.avsc': avroRecord('A', '{"name": "a", "type": "int"}'),
    });
    projects.push(project);
    return {
      project,
      prefix,
      in: (...args: string[]) => weir(args, { cwd: project.path, env: { WEIR_URL: server().url } }),
    };
  };
  const topic = async (name: string): Promise<Record<string, unknown>> =>
    (await fetch(`${server().url}/v1/topics/${name}`)).json() as Promise<Record<string, unknown>>;
  const post = (path: string, body: object = {}): Promise<Response> =>
    fetch(`${server().url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('are planned and applied along with its schemas, and are so then', async () => {
    const { prefix, in: weirIn } = scratch(
      (name) => `  - { name: ${name}, partitions: 3, retention: 7d, protect: true }\n  - { name: ${name}-plain }\n`,
    );
    const planned = await weirIn('plan', '--exit-code', '-o', 'json');
    const { topics, pending, requests } = dataOf<Planned>(planned);
    expect([planned.code, pending, requests, topics.map(({ outcome }) => outcome)]).toEqual([3, 4, 2, ['new', 'new']]);
    expect(await topic(prefix)).toMatchObject({ code: 'topic-not-found' });
    const applied = await weirIn('apply', '--yes', '-o', 'json');
    expect([applied.code, applied.err]).toEqual([0, expect.stringContaining(`topic ${prefix}: 3 partitions`)]);
    expect(await topic(prefix)).toMatchObject({
      partitionCount: 3,
      protected: true,
      config: { 'retention.ms': '604800000' },
    });
    expect(await weirIn('drift')).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to do') });
    await post(`/v1/topics/${prefix}:unprotect`);
    const drifted = await weirIn('drift', '-o', 'name');
    expect([drifted.code, drifted.out]).toEqual([3, `${prefix}\n`]);
  });

  it('never get partitions in passing: the plan is blocked at the line, before anything is registered', async () => {
    const { prefix, in: weirIn } = scratch((name) => `  - name: ${name}\n    partitions: 5\n`);
    await post('/v1/topics', { name: prefix, partitions: 2 });
    const refused = await weirIn('apply', '--yes', '-o', 'json');
    expect([refused.code, dataOf<Planned>(refused).findings]).toMatchObject([
      1,
      [{ ruleId: 'topic/topic-partitions-differ', location: { file: 'weir.yaml', startLine: 8 } }],
    ]);
    expect(refused.out).toContain(`weir topic repartition ${prefix} --partitions 5`);
    expect((await fetch(`${server().url}/subjects/${prefix}-value/versions`)).status).toBe(404);
    expect(await topic(prefix)).toMatchObject({ partitionCount: 2 });
  });

  it('are refused with 4 when one has moved since the plan, and no schema is registered', async () => {
    const { prefix, in: weirIn } = scratch((name) => `  - { name: ${name}, partitions: 2 }\n`);
    expect((await weirIn('plan', '--out', 'plan.json')).code).toBe(0);
    await post('/v1/topics', { name: prefix, partitions: 1 });
    const stale = await weirIn('apply', '--plan', 'plan.json');
    expect([stale.code, stale.out]).toEqual([4, '']);
    expect(stale.err).toContain(`topic '${prefix}' was not there and is now`);
    expect((await fetch(`${server().url}/subjects/${prefix}-value/versions`)).status).toBe(404);
  });

  it('are held against the policies of the project, offline and before an apply', async () => {
    const {
      project,
      prefix,
      in: weirIn,
    } = scratch((name) => `  - { name: ${name}, tags: [pii] }\n`, 'policies: [policies/*.yaml]\n');
    project.write({
      'policies/data.yaml': `apiVersion: v1
policies:
  - id: personal-data-ends
    title: personal data ends
    on: topic
    where: "'pii' in topic.tags"
    require: topic.retentionMs != null && topic.retentionMs >= 0
    fix: Say retention.
`,
    });
    for (const args of [['policy', 'test'], ['check', '--against', 'HEAD'], ['plan'], ['apply', '--yes']]) {
      const ran = await weirIn(...args, '-o', 'json');
      expect([args[0], ran.code, dataOf<Planned>(ran).findings[0]]).toMatchObject([
        args[0],
        1,
        { ruleId: 'policy/personal-data-ends', location: { file: 'weir.yaml', startLine: 7 } },
      ]);
    }
    expect(await topic(prefix)).toMatchObject({ code: 'topic-not-found' });
    project.write({ 'weir.yaml': project.read('weir.yaml').replace('tags:', 'retention: 1d, tags:') });
    expect((await weirIn('apply', '--yes')).code).toBe(0);
    expect(await topic(prefix)).toMatchObject({ config: { 'retention.ms': '86400000' } });
  });
});
